"""The tables of files and of artifacts: stored bytes, and what refers to them.

As in `schema.py`, whose metadata they are in: a change needs a migration beside it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    false,
)

from controller.store.schema import Json, Text, metadata

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
