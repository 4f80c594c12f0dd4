"""Tokens that no lost database can have handed out, for sweeps that came back from a backup."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column(
        "sweeps", sa.Column("first_token", sa.Integer(), nullable=False, server_default="1")
    )
