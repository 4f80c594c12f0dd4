"""Why a sweep gets no new trials, where its search fails."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("sweeps", sa.Column("trouble", sa.Text(), nullable=False, server_default=""))
