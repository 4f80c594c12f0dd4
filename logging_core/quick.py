"""The quick way of log(): a row with the names and types of the one before it.

Most rows that a training loop logs have the shape of the last one. For those, everything that the
journal and the writer would find out again is kept in the cells of one closure: what is left is to
compare, to pack and to copy into the mapped file. Whatever is not just such a row goes to the
journal's own way, which closes the stretch of like rows, does what is to be done, and may open a
stretch again.

A signal's handler may log, or look at the run, or raise, at any call in here: between the last
check and the frame's copy there is none, and what `stop` tells is true until `forget`.

Never decides what a row means (journal.py), never grows the file (writer.py). Neighbours: those.
"""

from __future__ import annotations

import struct
import sys
import time
from zlib import crc32

from logging_core.hints import Any, Callable, Mapping, NamedTuple
from logging_core.summary import SummaryFold
from logging_core.terminal import Samples
from logging_core.writer import Stretch

_NOWHERE = -1  # a limit that no place meets
_BETWEEN_CALLS = sys.version_info < (3, 10)
"""There a signal's handler may run between any two instructions: rows go the slow way alone."""


class Reached(NamedTuple):
    """How far the quick way went: the next row goes to `place` and gets the step `upcoming`."""

    stretch: Stretch | None  # None: it is closed
    rising: bool
    place: int
    upcoming: int


class Quick(NamedTuple):
    """What `make` gives back."""

    log: Callable[..., None]
    """log(data, step, commit), as a script calls it."""
    open: Callable[..., None]
    """open(stretch, upcoming, rising): rows may be put there; the next one gets the step
    `upcoming`. `rising`: only rows that come with a step of their own, `upcoming` or later, and
    each leaves its step open. Otherwise only rows that come without one."""
    stop: Callable[[], Reached]
    """No more quick rows; tells how far they went, and the same again until `forget`."""
    forget: Callable[[], None]
    """What went the quick way was taken in."""
    place: Callable[[], int]
    """Where the next row goes, as it is now."""


def make(lock: Any, slow: Callable[[Mapping[str, Any], Any, Any], None]) -> Quick:
    """A log function, closed at first. `lock` is the journal's (an RLock); `slow` its own way.

    The cost of one call of one metric (CPython 3.11, 2 cores) was 2.1 us by way of attributes and
    methods, 0.65 us so; what pays is said beside it.
    """
    acquire, release = lock.acquire, lock.release  # 0.1 us less than `with`
    now = time.time
    keys: list[str] = []
    types: list[type] = []
    key = ""
    kind: type = float
    width = length = place = upcoming = seed = 0
    limit = _NOWHERE
    rising = False
    taken: Stretch | None = None  # the one that rows go to
    head = b""  # of every row frame of the stretch: length, kind, position of the layout
    pack: Any = None
    put: Any = None
    window: Any = None

    def log(data: Mapping[str, Any], step: Any = None, commit: Any = None) -> None:
        nonlocal place, upcoming
        if commit is None and type(data) is dict:
            try:
                acquire()  # inside: a signal's exception that comes with its return is cleaned up
                if place <= limit:
                    number = upcoming
                    if step is not None:
                        number = step if rising and type(step) is int else -1
                    elif rising:
                        number = -1
                    shape = head
                    body = None
                    if number < upcoming:
                        pass
                    elif width == 1:  # 0.25 us less than to compare lists
                        if len(data) == 1 and key in data:
                            value = data[key]
                            if type(value) is kind:
                                body = pack(number, now(), value)
                    # Lists: half as dear to build and compare as tuples, a third of sets.
                    elif [*data] == keys and [*map(type, data.values())] == types:
                        body = pack(number, now(), *data.values())
                    if body is not None:
                        check = crc32(body, seed)
                        # A signal handler (or a finaliser) that logs may have come between. From
                        # here to `put` nothing can: handlers run when a call returns.
                        if number >= upcoming and head is shape and place <= limit:
                            at = place
                            place = at + length
                            upcoming = number + 1
                            put(window, at, shape, body, check)
                            return
            except struct.error:  # an int, or a step, beyond 64 bits
                pass
            finally:
                try:  # noqa: SIM105 - costs nothing
                    release()
                except RuntimeError:  # it was never taken: a signal's exception, while it waited
                    pass
        slow(data, step, commit)

    def open(stretch: Stretch, step: int, rises: bool) -> None:
        nonlocal keys, types, key, kind, width, length, place, limit, upcoming, rising
        nonlocal head, seed, pack, put, window, taken
        if _BETWEEN_CALLS:
            return
        layout = stretch.layout
        many, check = len(layout.keys), crc32(layout.part_head if rises else layout.head)
        # No call from here on: it is open, or it is not.
        if stretch.window.closed:
            return  # by a handler that finished the run, just now
        head, pack, put = layout.part_head if rises else layout.head, layout.pack, layout.put
        seed, length, width = check, layout.length, many
        keys, types = layout.keys, layout.types
        key, kind = keys[0], types[0]
        window, place, upcoming, rising = stretch.window, stretch.place, step, rises
        taken, limit = stretch, stretch.limit

    def stop() -> Reached:
        nonlocal limit
        limit = _NOWHERE
        return Reached(taken, rising, place, upcoming)

    def forget() -> None:
        nonlocal taken, window
        taken = window = None

    return Quick(slow if _BETWEEN_CALLS else log, open, stop, forget, lambda: place)


def take_in(stretch: Stretch, count: int, fold: SummaryFold, sampled: Samples) -> None:
    """The first `count` rows of a stretch, folded into the summary and sampled."""
    layout, window, begin = stretch.layout, stretch.window, stretch.place
    keys, length = layout.keys, layout.length

    def row(number: int) -> tuple[Any, ...]:
        found: tuple[Any, ...] = layout.unpack(window, begin + number * length)
        return found

    last = dict(zip(keys, row(count - 1)[2:]))
    tracked = [name for name in keys if fold.wants_all(name)]
    if tracked:
        columns = dict(zip(keys, zip(*(row(number)[2:] for number in range(count)))))
        for name in tracked:
            fold.add_column(name, columns[name])
            del last[name]
    fold.add_row(last)
    number = 0
    while sampled.left <= count - number:
        number += sampled.left
        step, _, *values = row(number - 1)
        sampled.keep(step, dict(zip(keys, values)))
    sampled.left -= count - number
