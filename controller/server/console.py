"""What a run printed, as one growing text: the console chunks of its attempts, in order.

An offset counts bytes from the start of the first attempt's output. Only the newest attempt may
add, so what was once told never changes. To go on reading at an offset without going through all
that came before, the place of each chunk is remembered. A chunk is plain bytes or one zstd frame.
"""

from __future__ import annotations

import bisect
import codecs
import threading
from collections import OrderedDict
from typing import Any

import zstandard

from controller.store.chunk_records import Chunk, ChunkKind
from controller.store.store import Store

PAGE_BYTES = 1 << 20
"""One answer stops at the first chunk that takes it beyond so many bytes."""
_RUNS = 256
_CHUNK_BYTES = 64 << 20
_ZSTD = b"\x28\xb5\x2f\xfd"


_Name = tuple[str, str]
"""A run's id and a lane."""


class Consoles:
    """The consoles of all runs in a store. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._places: OrderedDict[_Name, list[tuple[int, tuple[int, int]]]] = OrderedDict()

    def read(self, run_id: str, after: int, lane: str = "") -> dict[str, Any]:
        """{text, next, over, lanes} from byte `after` on of what one lane printed; `lanes` are the
        others that printed. NotFoundError when there is no such run."""
        over = self._store.get_run(run_id).state.over  # before the read: what follows is the rest
        name = (run_id, lane)
        places = self._known(name)
        index = bisect.bisect_right(places, after, key=lambda place: place[0]) - 1
        offset, before = places[index]
        data = bytearray()
        more = False
        for chunk in self._store.chunks(run_id, ChunkKind.CONSOLE, lane=lane, after=before):
            if len(data) > PAGE_BYTES:
                more = True
                break
            raw = plain(chunk)
            if offset >= places[-1][0]:
                places.append((offset + len(raw), (chunk.writer, chunk.seq)))
            if offset + len(raw) > after:
                data += raw[max(after - offset, 0) :]
            offset += len(raw)
        self._remember(name, places)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(bytes(data), final=over and not more)
        held_back = len(decoder.getstate()[0])
        streams = self._store.streams(run_id)
        lanes = {each.lane for each in streams if each.kind == ChunkKind.CONSOLE} - {lane}
        return {
            "text": text,
            "next": after + len(data) - held_back,
            "over": over and not more,
            "lanes": sorted(lanes),
        }

    def _known(self, name: _Name) -> list[tuple[int, tuple[int, int]]]:
        """(offset just behind a chunk, its writer and seq), rising; a copy."""
        with self._lock:
            return list(self._places.get(name) or [(0, (0, -1))])

    def _remember(self, name: _Name, places: list[tuple[int, tuple[int, int]]]) -> None:
        with self._lock:
            if len(places) > len(self._places.get(name, [])):
                self._places[name] = places
            self._places.move_to_end(name)
            while len(self._places) > _RUNS:
                self._places.popitem(last=False)


def plain(chunk: Chunk) -> bytes:
    """The bytes as printed; a frame that cannot be read stands for itself as a note."""
    if not chunk.data.startswith(_ZSTD):
        return chunk.data
    try:
        with zstandard.ZstdDecompressor().stream_reader(chunk.data) as reader:
            raw = reader.read(_CHUNK_BYTES)
    except zstandard.ZstdError:
        return b"[a piece of the output cannot be read]\n"
    return bytes(raw)
