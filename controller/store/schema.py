"""The tables, for both dialects. What a column means is told in `records.py`.

A change here needs a migration beside it (migrations/versions, and HEAD in `migrate.py`); a test
compares the two. Written for flat cost: what is asked for often has an index that leads straight
to it. Wide columns stand last, so that SQLite reads the others without walking through them.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    false,
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

# Bytes by their SHA-256: a file is kept once, whatever refers to it. The bytes are not in here
# (controller/blobs.py). `state` is arriving, stored or doomed; `touched` is when somebody last sent
# it or asked for it: what nobody refers to is only doomed a good while after (store/files.py).
# `md5` (base64, as W&B's manifests have it) is there once somebody needed it.
blobs = Table(
    "blobs",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("touched", Double, nullable=False),
    Column("md5", Text),
    Index(None, "md5"),
)

# `writer` is the attempt that saved it: an older one's does not replace a newer one's.
files = Table(
    "files",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("digest", ForeignKey("blobs.digest"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("writer", Integer, nullable=False),
    Column("updated", Double, nullable=False),
    Index(None, "digest"),
)

# All versions of one name. Its row is locked while a version is added: numbers have no gaps, and
# none is given twice, also after deletions. `id` stays when it is renamed. A `portfolio` came into
# being by a link.
artifact_collections = Table(
    "artifact_collections",
    metadata,
    Column("project", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("id", Text, nullable=False, server_default=""),
    Column("type", Text, nullable=False),
    Column("next_version", Integer, nullable=False),
    Column("portfolio", Boolean, nullable=False, server_default=false()),
    Column("created", Double, nullable=False),
    Column("updated", Double),
    Column("description", Text, nullable=False),
    Column("tags", Json, nullable=False, server_default="[]"),
    Index(None, "project", "type"),
    Index(None, "id", unique=True),
)

# `manifest` is the blob that lists the entries; `digest` names the content: two versions of a name
# never have the same. `md5_digest` names it as W&B's clients do (NULL: nobody asked yet).
# `history_step`: how far its run was then. A version is there once all its files are.
artifacts = Table(
    "artifacts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("md5_digest", Text),
    Column("manifest", ForeignKey("blobs.digest"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("files", Integer, nullable=False),
    Column("run_id", Text),
    Column("history_step", BigInteger),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("expires", Double),
    Column("description", Text, nullable=False),
    Column("tags", Json, nullable=False),
    Column("metadata", Json, nullable=False),
    Index(None, "project", "name", "version", unique=True),
    Index(None, "project", "name", "digest", unique=True),
    Index(None, "project", "name", "md5_digest"),
    Index(None, "manifest"),
    Index(None, "run_id"),
    Index(None, "expires"),
)

# A version under a second name: `version` is its number there.
artifact_links = Table(
    "artifact_links",
    metadata,
    Column("project", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("artifact_id", ForeignKey("artifacts.id"), nullable=False),
    Column("created", Double, nullable=False),
    Index(None, "artifact_id"),
)

artifact_aliases = Table(
    "artifact_aliases",
    metadata,
    Column("project", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("artifact_id", ForeignKey("artifacts.id"), nullable=False),
    Index(None, "artifact_id"),
)

artifact_blobs = Table(
    "artifact_blobs",
    metadata,
    Column("artifact_id", ForeignKey("artifacts.id"), primary_key=True),
    Column("digest", ForeignKey("blobs.digest"), primary_key=True),
    Index(None, "digest"),
)

artifact_uses = Table(
    "artifact_uses",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("artifact_id", ForeignKey("artifacts.id"), primary_key=True),
    Column("created", Double, nullable=False),
    Index(None, "artifact_id"),
)

# Runs whose content was a version already, of another run: they logged it, too.
artifact_logged = Table(
    "artifact_logged",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("artifact_id", ForeignKey("artifacts.id"), primary_key=True),
    Column("created", Double, nullable=False),
    Index(None, "artifact_id"),
)

# A version that a W&B client is still sending, under the id that it will have. `digest` is the
# client's; several processes that send parts of one agree on a `distributed_id`. `base` is the
# version that an incremental one adds to, `said` what becomes of it (aliases, tags, metadata, …).
artifact_drafts = Table(
    "artifact_drafts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("distributed_id", Text),
    Column("base", Text),
    Column("run_id", Text),
    Column("created", Double, nullable=False),
    Column("touched", Double, nullable=False),
    Column("said", Json, nullable=False),
    Index(None, "project", "name", "distributed_id", unique=True),
    Index(None, "touched"),
)

# What a draft holds, in the order of `number`: lists whose bytes have the MD5 `md5` ("": not told
# yet). `kind` is full, patch or incremental.
draft_manifests = Table(
    "draft_manifests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("draft_id", ForeignKey("artifact_drafts.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("base", Text),
    Column("md5", Text, nullable=False),
    Index(None, "draft_id", "number", unique=True),
)

# The MD5s of all that a draft will need: blobs that have them stay.
draft_files = Table(
    "draft_files",
    metadata,
    Column("draft_id", ForeignKey("artifact_drafts.id"), primary_key=True),
    Column("md5", Text, primary_key=True),
    Index(None, "md5"),
)

# Other ids of versions and collections: those that W&B's clients make up themselves, and those of
# drafts that turned out to be a version that was there already.
artifact_other_ids = Table(
    "artifact_other_ids",
    metadata,
    Column("id", Text, primary_key=True),
    Column("artifact_id", Text),
    Column("collection_id", Text),
    Index(None, "artifact_id"),
    Index(None, "collection_id"),
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
