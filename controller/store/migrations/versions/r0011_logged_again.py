"""Runs that logged content that another run had made a version of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "artifact_logged",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("artifact_id", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifacts.id"], name="fk_artifact_logged_artifact_id"
        ),
        sa.PrimaryKeyConstraint("run_id", "artifact_id", name="pk_artifact_logged"),
    )
    op.create_index("ix_artifact_logged_artifact_id", "artifact_logged", ["artifact_id"])
