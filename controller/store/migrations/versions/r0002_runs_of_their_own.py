"""Runs without a sweep, several writers of one run, packed history, files, artifacts, alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_LANE = sa.Column("lane", sa.Text(), nullable=False, server_default="")


def upgrade() -> None:
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("entity", sa.Text(), nullable=False, server_default=""))
        runs.add_column(sa.Column("exit_code", sa.Integer()))
        runs.add_column(sa.Column("parent_id", sa.Text()))
        runs.add_column(sa.Column("fork_step", sa.BigInteger()))
        runs.add_column(sa.Column("fork_writer", sa.Integer()))
        runs.add_column(sa.Column("heard", sa.Double()))
        runs.add_column(sa.Column("folders", sa.Text(), nullable=False, server_default="{}"))
        runs.add_column(sa.Column("metrics", sa.Text(), nullable=False, server_default="{}"))
    op.create_index("ix_runs_project_created", "runs", ["project", "created"])
    op.create_index("ix_runs_project_updated", "runs", ["project", "updated"])
    op.create_index("ix_runs_sweep_id_updated", "runs", ["sweep_id", "updated"])
    _lanes_of_chunks()
    _streams()
    _segments()
    _files()
    _artifacts()
    _alerts()


def _lanes_of_chunks() -> None:
    key = ["run_id", "kind", "writer", "lane", "seq"]
    if op.get_bind().dialect.name != "sqlite":
        op.add_column("chunks", _LANE)
        op.drop_constraint("pk_chunks", "chunks", type_="primary")
        op.create_primary_key("pk_chunks", "chunks", key)
        return
    # SQLite cannot change a key: a table with the new one takes the old one's place.
    op.create_table(
        "chunks_with_lanes",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        _LANE,
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("sweep_id", sa.Text()),
        sa.Column("feed", sa.BigInteger()),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("objective", sa.LargeBinary()),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_chunks_run_id"),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name="fk_chunks_sweep_id"),
        sa.PrimaryKeyConstraint(*key, name="pk_chunks"),
    )
    op.execute(
        "INSERT INTO chunks_with_lanes SELECT run_id, kind, writer, '', seq, sweep_id, feed,"
        " first, last, rows, created, objective, data FROM chunks"
    )
    op.drop_table("chunks")
    op.rename_table("chunks_with_lanes", "chunks")
    op.create_index("ix_chunks_sweep_id_feed", "chunks", ["sweep_id", "feed"], unique=True)


def _streams() -> None:
    op.create_table(
        "streams",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("packed", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("packed_rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("packed_bytes", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_streams_run_id"),
        sa.PrimaryKeyConstraint("run_id", "kind", "writer", "lane", name="pk_streams"),
    )
    waiting = sa.text("packed < seq AND kind <> 'console'")
    op.create_index(
        "ix_streams_waiting",
        "streams",
        ["updated"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.execute(
        "INSERT INTO streams (run_id, kind, writer, lane, seq, packed, first, last, rows,"
        " packed_rows, bytes, packed_bytes, updated)"
        " SELECT run_id, kind, writer, '', max(seq), -1, min(first), max(last), sum(rows),"
        " 0, sum(length(data)), 0, max(created) FROM chunks GROUP BY run_id, kind, writer"
    )
    # Which writer's rows are the newest is told by the streams.
    op.execute("ALTER TABLE runs DROP COLUMN history_writer")


def _segments() -> None:
    op.create_table(
        "segments",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("coarse", sa.LargeBinary()),
        sa.Column("fine", sa.LargeBinary()),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_segments_run_id"),
        sa.PrimaryKeyConstraint(
            "run_id", "kind", "key", "writer", "lane", "part", name="pk_segments"
        ),
    )
    op.create_index(
        "ix_segments_run_id_kind_writer_lane_part",
        "segments",
        ["run_id", "kind", "writer", "lane", "part"],
    )


def _files() -> None:
    op.create_table(
        "blobs",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("touched", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_blobs"),
    )
    op.create_table(
        "files",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_files_run_id"),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name="fk_files_digest"),
        sa.PrimaryKeyConstraint("run_id", "path", name="pk_files"),
    )
    op.create_index("ix_files_digest", "files", ["digest"])


def _artifacts() -> None:
    op.create_table(
        "artifact_collections",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("next_version", sa.Integer(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name="pk_artifact_collections"),
    )
    op.create_index(
        "ix_artifact_collections_project_type", "artifact_collections", ["project", "type"]
    )
    op.create_table(
        "artifacts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("updated", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double()),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["manifest"], ["blobs.digest"], name="fk_artifacts_manifest"),
        sa.PrimaryKeyConstraint("id", name="pk_artifacts"),
    )
    op.create_index(
        "ix_artifacts_project_name_version",
        "artifacts",
        ["project", "name", "version"],
        unique=True,
    )
    op.create_index(
        "ix_artifacts_project_name_digest", "artifacts", ["project", "name", "digest"], unique=True
    )
    op.create_index("ix_artifacts_manifest", "artifacts", ["manifest"])
    op.create_index("ix_artifacts_run_id", "artifacts", ["run_id"])
    op.create_index("ix_artifacts_expires", "artifacts", ["expires"])
    op.create_table(
        "artifact_links",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("artifact_id", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifacts.id"], name="fk_artifact_links_artifact_id"
        ),
        sa.PrimaryKeyConstraint("project", "name", "version", name="pk_artifact_links"),
    )
    op.create_index("ix_artifact_links_artifact_id", "artifact_links", ["artifact_id"])
    op.create_table(
        "artifact_aliases",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("artifact_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifacts.id"], name="fk_artifact_aliases_artifact_id"
        ),
        sa.PrimaryKeyConstraint("project", "name", "alias", name="pk_artifact_aliases"),
    )
    op.create_index("ix_artifact_aliases_artifact_id", "artifact_aliases", ["artifact_id"])
    op.create_table(
        "artifact_blobs",
        sa.Column("artifact_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifacts.id"], name="fk_artifact_blobs_artifact_id"
        ),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name="fk_artifact_blobs_digest"),
        sa.PrimaryKeyConstraint("artifact_id", "digest", name="pk_artifact_blobs"),
    )
    op.create_index("ix_artifact_blobs_digest", "artifact_blobs", ["digest"])
    op.create_table(
        "artifact_uses",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("artifact_id", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifacts.id"], name="fk_artifact_uses_artifact_id"
        ),
        sa.PrimaryKeyConstraint("run_id", "artifact_id", name="pk_artifact_uses"),
    )
    op.create_index("ix_artifact_uses_artifact_id", "artifact_uses", ["artifact_id"])


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("raised", sa.Double(), nullable=False),
        sa.Column("delivered", sa.Double()),
        sa.Column("wait_s", sa.Double(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_alerts_run_id"),
        sa.PrimaryKeyConstraint("run_id", "writer", "lane", "number", name="pk_alerts"),
    )
    op.create_index("ix_alerts_state_created", "alerts", ["state", "created"])
    op.create_index("ix_alerts_project_created", "alerts", ["project", "created"])
    op.create_index("ix_alerts_created", "alerts", ["created"])
