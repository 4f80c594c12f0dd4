"""The trial whose checkpoint folder a trial began with: in its run's metadata alone until now."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("trials", sa.Column("parent", sa.Integer()))
    connection = op.get_bind()
    found = connection.execute(
        sa.text(
            "SELECT id, metadata FROM runs "
            "WHERE sweep_id IS NOT NULL AND metadata LIKE '%\"parent\"%'"
        )
    ).all()
    for trial_id, metadata in found:
        _, _, number = str(json.loads(metadata).get("parent") or "").rpartition("-")
        if number.isdigit():
            connection.execute(
                sa.text("UPDATE trials SET parent = :parent WHERE id = :id"),
                {"parent": int(number), "id": trial_id},
            )
