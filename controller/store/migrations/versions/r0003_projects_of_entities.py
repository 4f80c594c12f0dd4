"""Projects by their whole names, run ids that are unique within a project, MD5 of blobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", sa.Column("local_id", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE runs SET local_id = id")
    op.execute(
        "UPDATE runs SET project = entity || '/' || CASE project WHEN '' THEN 'uncategorized'"
        " ELSE project END WHERE entity <> '' AND sweep_id IS NULL"
    )
    op.drop_column("runs", "entity")
    op.create_index("ix_runs_project_local_id", "runs", ["project", "local_id"], unique=True)
    op.add_column("blobs", sa.Column("md5", sa.Text()))
    op.create_index("ix_blobs_md5", "blobs", ["md5"])
