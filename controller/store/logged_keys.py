"""The store's part that tells what many runs logged: the names that charts are made for.

A run's names are kept under the version of all that they were read from, and so are those of its
chunks: of a run that goes on, only what came since is looked at, and of most chunks no more than
the header. Neighbours: `logged.py` (one run, with counts), `packing.py` (where names lie).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, func, or_, select

from controller.store.cache import Cache
from controller.store.chunk_records import ChunkKind
from controller.store.engine import Database
from controller.store.logged import kind_of
from controller.store.packing import AXIS, LONG, SHARD, is_bundle
from controller.store.schema import chunks, runs, segments
from controller.store.streams import Record, Stream, StreamName, read_records
from sweeps.protocol.chunks import decode, decode_bundle, list_columns


class Key(NamedTuple):
    """What is logged under a name.

    Attributes:
        kind: of the first value: number, string, bool, list, map, or nil.
        type: of a map, or of a list's first one: what it says it is ("histogram", "image-file",
            …); "" when it does not.
    """

    kind: str
    type: str = ""


class RunWords(NamedTuple):
    """What a run says of its metrics and charts, as `RunRecord` has both."""

    metrics: Mapping[str, Any]
    config: Mapping[str, Any]


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_PACKED = segments.c.run_id.in_(_IDS) & (segments.c.kind == bindparam("kind"))
_OF = (segments.c.run_id, segments.c.writer, segments.c.lane)
_LEVELS = func.max(segments.c.fine.is_not(None).cast(segments.c.part.type))
_ALONE = select(*_OF, segments.c.key, func.min(segments.c.part), _LEVELS).where(_PACKED)
_ALONE = _ALONE.group_by(*_OF, segments.c.key)
_BUNDLES = select(*_OF, segments.c.key, segments.c.data).where(
    _PACKED,
    or_(
        (segments.c.key == AXIS) & (segments.c.rows < LONG),  # a long one's axis carries none
        func.substr(segments.c.key, 1, 1) == SHARD,
    ),
)
_ONE = select(segments.c.data).where(
    _PACKED,
    *(segments.c[name] == bindparam(name) for name in ("writer", "lane", "key", "part")),
)
_CHUNK = chunks.c.run_id == bindparam("run_id"), chunks.c.kind == bindparam("kind")
_LANE = chunks.c.writer == bindparam("writer"), chunks.c.lane == bindparam("lane")
_WAITING = select(chunks.c.seq).where(*_CHUNK, *_LANE, chunks.c.seq > bindparam("packed"))
_DATA = select(chunks.c.data).where(*_CHUNK, *_LANE, chunks.c.seq == bindparam("seq"))
_WORDS = select(runs.c.id, runs.c.metrics, runs.c.config).where(runs.c.id.in_(_IDS))


class LoggedKeyStore:
    """Names that runs logged. Each method is one transaction."""

    _db: Database
    _cache: Cache

    def keys_of_runs(
        self, run_ids: Sequence[str], kind: ChunkKind = ChunkKind.HISTORY
    ) -> dict[str, dict[str, Key]]:
        """By run, what it logged. Raises NotFoundError, and ChunkError when a chunk is damaged."""
        with self._db.snapshot() as connection:
            records = read_records(connection, run_ids, kind)
            found: dict[str, dict[str, Key]] = {}
            missing: list[Record] = []
            for record in records.values():
                kept = self._cache.get(("keys", record.run_id, record.version, kind))
                if kept is None:
                    missing.append(record)
                else:
                    found[record.run_id] = kept
            streams = [s for record in missing for piece in record.pieces for s in piece.streams]
            packed = self._packed(connection, streams, kind)
            for record in missing:
                keys: dict[str, Key] = {}
                for stream in (s for piece in record.pieces for s in piece.streams):
                    _join(keys, packed.get(stream.name, {}))
                    for names in self._waiting(connection, stream):
                        _join(keys, names)
                found[record.run_id] = keys
                name = ("keys", record.run_id, record.version, kind)
                self._cache.put(name, keys, _size(keys))
        return {run_id: found[run_id] for run_id in records}

    def words_of_runs(self, run_ids: Sequence[str]) -> dict[str, RunWords]:
        """By run, what it says of its metrics and charts; without those that are not there."""
        with self._db.read() as connection:
            rows = connection.execute(_WORDS, {"ids": list(run_ids)})
            return {run_id: RunWords(metrics, config) for run_id, metrics, config in rows}

    def _packed(
        self, connection: Connection, streams: Iterable[Stream], kind: ChunkKind
    ) -> dict[StreamName, dict[str, Key]]:
        found: dict[StreamName, dict[str, Key]] = {}
        missing: dict[StreamName, Stream] = {}
        for stream in streams:
            kept = self._cache.get(("packed keys", stream.name, stream.born, stream.packed))
            if stream.packed >= 0 and kept is None:
                missing[stream.name] = stream
            elif kept is not None:
                found[stream.name] = kept
        if missing:
            read = _read_packed(connection, list({name.run_id for name in missing}), kind)
            for name, stream in missing.items():
                keys = found[name] = read.get(name, {})
                place = ("packed keys", name, stream.born, stream.packed)
                self._cache.put(place, keys, _size(keys))
        return found

    def _waiting(self, connection: Connection, stream: Stream) -> Iterable[Mapping[str, Key]]:
        """What is in each of the chunks that are not packed yet."""
        if stream.seq == stream.packed:
            return
        name = stream.name._asdict()
        numbers = connection.scalars(_WAITING, {**name, "packed": stream.packed}).all()
        for seq in numbers:
            place = ("chunk keys", stream.name, stream.born, seq)
            keys: dict[str, Key] | None = self._cache.get(place)
            if keys is None:
                keys = _keys_in(connection.scalar(_DATA, {**name, "seq": seq}), bundle=False)
                self._cache.put(place, keys, _size(keys))
            yield keys


def _read_packed(
    connection: Connection, run_ids: Sequence[str], kind: ChunkKind
) -> dict[StreamName, dict[str, Key]]:
    found: dict[StreamName, dict[str, Key]] = {}
    values = {"ids": run_ids, "kind": kind}
    plain: list[tuple[StreamName, str, int]] = []
    for run_id, writer, lane, key, part, has_levels in connection.execute(_ALONE, values):
        if is_bundle(key):
            continue
        name = StreamName(run_id, kind, writer, lane)
        if has_levels:  # numbers alone have them
            found.setdefault(name, {})[key] = Key("number")
        else:
            plain.append((name, key, part))
    for name, key, part in plain:
        one = {"ids": [name.run_id], "kind": kind, "key": key, "part": part}
        data = connection.scalar(_ONE, {**one, "writer": name.writer, "lane": name.lane})
        _join(found.setdefault(name, {}), _keys_in(data, bundle=True))
    for run_id, writer, lane, key, data in connection.execute(_BUNDLES, values):
        keys = found.setdefault(StreamName(run_id, kind, writer, lane), {})
        _join(keys, _keys_in(data, bundle=key != AXIS))
    return found


def _keys_in(data: bytes | None, *, bundle: bool) -> dict[str, Key]:
    if data is None:
        return {}
    listed = {name: kind for name, kind, count in list_columns(data) if count}
    odd = [name for name, kind in listed.items() if kind == "json"]
    values: Mapping[str, Any] = {}
    if odd:
        values = decode_bundle(data, odd) if bundle else decode(data, odd).columns
    return {
        name: Key(kind_of(values[name]), _type(values[name].values[0]))
        if kind == "json"
        else Key("bool" if kind == "b1" else "number")
        for name, kind in listed.items()
    }


def _type(value: Any) -> str:
    if isinstance(value, list) and value:
        value = value[0]
    found = value.get("_type") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _join(keys: dict[str, Key], more: Mapping[str, Key]) -> None:
    for name, key in more.items():
        keys.setdefault(name, key)


def _size(keys: Mapping[str, Key]) -> int:
    return sum(len(name) + 150 for name in keys)
