"""Artifacts of W&B's clients: their digests, drafts that are still being sent, ids of their own."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_PORTFOLIOS = """
UPDATE artifact_collections SET portfolio = TRUE
WHERE EXISTS (
  SELECT 1 FROM artifact_links
  WHERE artifact_links.project = artifact_collections.project
    AND artifact_links.name = artifact_collections.name
) AND NOT EXISTS (
  SELECT 1 FROM artifacts
  WHERE artifacts.project = artifact_collections.project
    AND artifacts.name = artifact_collections.name
)
"""


def upgrade() -> None:
    for column in (
        sa.Column("id", sa.Text(), nullable=False, server_default=""),
        sa.Column("portfolio", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("updated", sa.Double()),
        sa.Column("tags", sa.Text(), nullable=False, server_default="[]"),
    ):
        op.add_column("artifact_collections", column)
    _give_ids()
    op.execute(_PORTFOLIOS)
    op.create_index("ix_artifact_collections_id", "artifact_collections", ["id"], unique=True)

    op.add_column("artifacts", sa.Column("md5_digest", sa.Text()))
    op.add_column("artifacts", sa.Column("history_step", sa.BigInteger()))
    op.create_index(
        "ix_artifacts_project_name_md5_digest", "artifacts", ["project", "name", "md5_digest"]
    )

    op.create_table(
        "artifact_drafts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("distributed_id", sa.Text()),
        sa.Column("base", sa.Text()),
        sa.Column("run_id", sa.Text()),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("touched", sa.Double(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_artifact_drafts"),
    )
    op.create_index(
        "ix_artifact_drafts_project_name_distributed_id",
        "artifact_drafts",
        ["project", "name", "distributed_id"],
        unique=True,
    )
    op.create_index("ix_artifact_drafts_touched", "artifact_drafts", ["touched"])

    op.create_table(
        "draft_manifests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("draft_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("base", sa.Text()),
        sa.Column("md5", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_draft_manifests"),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["artifact_drafts.id"], name="fk_draft_manifests_draft_id"
        ),
    )
    op.create_index(
        "ix_draft_manifests_draft_id_number", "draft_manifests", ["draft_id", "number"], unique=True
    )

    op.create_table(
        "draft_files",
        sa.Column("draft_id", sa.Text(), nullable=False),
        sa.Column("md5", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("draft_id", "md5", name="pk_draft_files"),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["artifact_drafts.id"], name="fk_draft_files_draft_id"
        ),
    )
    op.create_index("ix_draft_files_md5", "draft_files", ["md5"])

    op.create_table(
        "artifact_other_ids",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("artifact_id", sa.Text()),
        sa.Column("collection_id", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_artifact_other_ids"),
    )
    for column_name in ("artifact_id", "collection_id"):
        op.create_index(f"ix_artifact_other_ids_{column_name}", "artifact_other_ids", [column_name])


def _give_ids() -> None:
    """Random ones, as new collections get."""
    connection = op.get_bind()
    names = connection.execute(sa.text("SELECT project, name FROM artifact_collections")).all()
    for project, name in names:
        connection.execute(
            sa.text("UPDATE artifact_collections SET id = :id WHERE project = :p AND name = :n"),
            {"id": secrets.token_hex(10), "p": project, "n": name},
        )
