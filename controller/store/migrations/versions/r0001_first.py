"""The first tables: sweeps, trials, attempts, runs, chunks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("started", sa.Double()),
        sa.Column("ended", sa.Double()),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", sa.Double()),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.Column("ended_seq", sa.Integer(), nullable=False),
        sa.Column("feed", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text()),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("yaml", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sweeps"),
    )
    op.create_index("ix_sweeps_created", "sweeps", ["created"])
    op.create_index("ix_sweeps_state_created", "sweeps", ["state", "created"])
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sweep_id", sa.Text()),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
        sa.Column("history_writer", sa.Integer(), nullable=False),
        sa.Column("steps", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("started", sa.Double()),
        sa.Column("ended", sa.Double()),
        sa.Column("updated", sa.Double(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name="fk_runs_sweep_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_table(
        "trials",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sweep_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("objective", sa.Double()),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("started", sa.Double()),
        sa.Column("ended", sa.Double()),
        sa.Column("ended_seq", sa.Integer()),
        sa.Column("agent_id", sa.Text()),
        sa.Column("host", sa.Text()),
        sa.Column("device", sa.Text()),
        sa.Column("config", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name="fk_trials_sweep_id"),
        sa.PrimaryKeyConstraint("id", name="pk_trials"),
    )
    op.create_index(
        "ix_trials_sweep_id_ended_seq", "trials", ["sweep_id", "ended_seq"], unique=True
    )
    op.create_index("ix_trials_sweep_id_number", "trials", ["sweep_id", "number"], unique=True)
    op.create_index(
        "ix_trials_sweep_id_objective_number", "trials", ["sweep_id", "objective", "number"]
    )
    op.create_index("ix_trials_sweep_id_state_number", "trials", ["sweep_id", "state", "number"])
    op.create_table(
        "attempts",
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("sweep_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text()),
        sa.Column("host", sa.Text()),
        sa.Column("device", sa.Text()),
        sa.Column("pid", sa.Integer()),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("started", sa.Double()),
        sa.Column("ended", sa.Double()),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("signal", sa.Integer()),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name="fk_attempts_sweep_id"),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name="fk_attempts_trial_id"),
        sa.PrimaryKeyConstraint("trial_id", "token", name="pk_attempts"),
    )
    op.create_index(
        "ix_attempts_sweep_id_state_number", "attempts", ["sweep_id", "state", "number"]
    )
    op.create_table(
        "chunks",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("writer", sa.Integer(), nullable=False),
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
        sa.PrimaryKeyConstraint("run_id", "kind", "writer", "seq", name="pk_chunks"),
    )
    op.create_index("ix_chunks_sweep_id_feed", "chunks", ["sweep_id", "feed"], unique=True)
