"""The tables, for both dialects; those of files and artifacts are in `artifact_schema.py`. What a
column means is told in `records.py`.

A change here needs a migration beside it (migrations/versions, and HEAD in `migrate.py`); a test
compares the two. Written for flat cost: what is asked for often has an index that leads straight
to it. Wide columns stand last, so that SQLite reads the others without walking through them.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    text,
)
from sqlalchemy import Text as PlainText
from sqlalchemy.types import TypeDecorator


class Json(TypeDecorator[Any]):
    """A JSON value as text: PostgreSQL's own types refuse NaN, which losses do become."""

    impl = PlainText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else json.loads(value)


class Text(TypeDecorator[str]):
    """Text from anywhere: what PostgreSQL cannot hold (NUL, halves of surrogate pairs) becomes �.

    Error messages, device names and ids come from other programs and from addresses. Members of a
    StrEnum go in as their values (psycopg would send their names).
    """

    impl = PlainText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        whole = str(value)
        if not whole.isascii():
            whole = whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("seed", Json, nullable=False),  # a whole number of any size
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("ended", Double),
    # The lease of the controller that works on it.
    Column("owner", Text),
    Column("lease_until", Double),
    Column("generation", Integer, nullable=False),
    # Counters. Each is raised in the transaction that uses the number: the lock on this row holds
    # until its commit, and so the numbers rise in the order of the commits.
    Column("next_number", Integer, nullable=False),
    Column("ended_seq", Integer, nullable=False),
    Column("feed", BigInteger, nullable=False),
    # Of each new trial's first attempt: above 1 once the database came back from a backup.
    Column("first_token", Integer, nullable=False, server_default="1"),
    Column("origin", Json, nullable=False),
    Column("snapshot", Json),
    Column("spec", Json, nullable=False),
    Column("yaml", Text, nullable=False),
    # Runs that the search knows beside the trials, as controller/prior.py has them.
    Column("prior", Json, nullable=False, server_default="[]"),
    Column("changed", Double),
    Column("trouble", Text, nullable=False, server_default=""),
    Index(None, "state", "created"),
    Index(None, "created"),
)

trials = Table(
    "trials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sweep_id", ForeignKey("sweeps.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("token", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("objective", Double),
    Column("reason", Text),
    Column("detail", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("ended", Double),
    Column("ended_seq", Integer),
    Column("agent_id", Text),
    Column("host", Text),
    Column("device", Text),
    Column("enqueued", Text),
    Column("parent", Integer),
    Column("config", Json, nullable=False),
    Index(None, "sweep_id", "number", unique=True),
    Index(None, "sweep_id", "ended_seq", unique=True),
    Index(None, "sweep_id", "state", "number"),
    Index(None, "sweep_id", "objective", "number"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("trial_id", ForeignKey("trials.id"), primary_key=True),
    Column("token", Integer, primary_key=True),
    Column("sweep_id", ForeignKey("sweeps.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("agent_id", Text),
    Column("host", Text),
    Column("device", Text),
    Column("pid", Integer),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("ended", Double),
    Column("reason", Text),
    Column("detail", Text, nullable=False),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("ordered", Text),
    Index(None, "sweep_id", "state", "number"),
)

# A trial's run has the trial's id and is recorded with the trial; others register themselves.
# `project` is a project's whole name (sweeps/project.py). `local_id` is the id by which the run's
# script knows it: W&B's ids are unique within a project alone, `id` is within the server.
# `folders` maps the uid of each run folder that it was recorded from to the number of the last
# writer before that folder's first: another folder that claims the same id is another run, unless
# it says that it goes on with this one. `writer` is the newest attempt that was started. `heard`
# is when the run itself last spoke. A forked run begins with its parent's rows up to and with
# `fork_step`, as they were when it was registered: those of the parent's writers up to
# `fork_writer` (NULL: the parent was not known yet, and all count). `metrics` is what define_metric
# said.
runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sweep_id", ForeignKey("sweeps.id")),
    Column("project", Text, nullable=False),
    Column("local_id", Text, nullable=False, server_default=""),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("exit_code", Integer),
    Column("writer", Integer, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("parent_id", Text),
    Column("fork_step", BigInteger),
    Column("fork_writer", Integer),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("ended", Double),
    Column("heard", Double),
    Column("updated", Double, nullable=False),
    Column("folders", Json, nullable=False, server_default="{}"),
    Column("metadata", Json, nullable=False),
    Column("metrics", Json, nullable=False, server_default="{}"),
    Column("summary", Json, nullable=False),
    Column("config", Json, nullable=False),
    Index(None, "project", "created"),
    Index(None, "project", "updated"),
    Index(None, "project", "local_id", unique=True),
    Index(None, "sweep_id", "updated"),
)

# One row for each file of a run folder that arrives in chunks: (kind, writer, lane), a lane being
# one of several processes that record the same attempt ("" for the only one). Chunks come in the
# order of their numbers: `seq` is the newest, and all up to `packed` have become segments. `rows`
# and `bytes` count what came, `packed_rows` and `packed_bytes` what of it is packed; `first` and
# `last` are the lowest and the highest step. The partial index finds what waits to be packed.
streams = Table(
    "streams",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("writer", Integer, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("packed", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("packed_rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("packed_bytes", BigInteger, nullable=False),
    Column("updated", Double, nullable=False),
    Index(
        "ix_streams_waiting",
        "updated",
        sqlite_where=text("packed < seq AND kind <> 'console'"),
        postgresql_where=text("packed < seq AND kind <> 'console'"),
    ),
)

# As they were sent, until they are packed. `feed` numbers those of a sweep that carry objective
# values; the others have none.
chunks = Table(
    "chunks",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("writer", Integer, primary_key=True),
    Column("lane", Text, primary_key=True, server_default=""),
    Column("seq", Integer, primary_key=True),
    Column("sweep_id", ForeignKey("sweeps.id")),
    Column("feed", BigInteger),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("created", Double, nullable=False),
    Column("objective", LargeBinary),
    Column("data", LargeBinary, nullable=False),
    Index(None, "sweep_id", "feed", unique=True),
)

# Packed history: stretches of rows of one stream, in the order of `part`. A stretch is its axis
# (key "": steps and times) and a row here for each metric that is worth one; `packing.py` says what
# becomes of the others. `first` to `last` are its steps, `since` to `until` its times; `start` is
# the number of its first row within the stream, `rows` how many of its rows have a value.
# `fine` and `coarse` are levels of detail: the extremes of every few rows (`levels.py`).
segments = Table(
    "segments",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("writer", Integer, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("start", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("coarse", LargeBinary),
    Column("fine", LargeBinary),
    Column("data", LargeBinary, nullable=False),
    Index(None, "run_id", "kind", "writer", "lane", "part"),
)

# `(writer, lane, number)` names an alert within its run, so that a repeat is known. `told` names
# the addresses that have it, by digests of theirs; `raised` is the script's own clock.
alerts = Table(
    "alerts",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("writer", Integer, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("project", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("raised", Double, nullable=False),
    Column("delivered", Double),
    Column("wait_s", Double, nullable=False),
    Column("level", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("told", Json, nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "state", "created"),
    Index(None, "project", "created"),
    Index(None, "created"),
)

# Of a key its SHA-256 alone is kept, and its first characters for people.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("last_used", Double),
    Column("revoked", Double),
    Index(None, "digest", unique=True),
)

# What was said of a project; most have no row (projects.py).
projects = Table(
    "projects",
    metadata,
    Column("name", Text, primary_key=True),
    Column("user", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("access", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("settings", Json, nullable=False),
)

# What people write about runs (reports.py).
reports = Table(
    "reports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("editor", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "project", "updated"),
)
