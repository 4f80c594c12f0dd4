"""What a sweep's search knew before its first trial, and when its file was last changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("sweeps", sa.Column("prior", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("sweeps", sa.Column("changed", sa.Double()))
