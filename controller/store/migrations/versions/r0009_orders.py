"""A person's orders about single trials: who asked for a configuration, and for an end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("trials", sa.Column("enqueued", sa.Text()))
    op.add_column("attempts", sa.Column("ordered", sa.Text()))
