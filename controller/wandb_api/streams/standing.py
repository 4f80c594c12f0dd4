"""Who streams, and how far the store has it: a memory of the store's answers.

It may be gone, or out of date, at any time: the store refuses what was made of an old one. For the
event loop alone. Neighbour: file_stream.py.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.store.chunk_records import ChunkKind, StreamPlace

if TYPE_CHECKING:
    from controller.wandb_api.streams.pieces import Sender

_KNOWN_S = 60.0
"""So long nobody looks whether a sweep's metric, or a run's newest process, is another by now."""
_MOST = 10_000

Name = tuple[str, str, str]
"""A project's whole name, a run's name in it, and of a process in shared mode its id."""


@dataclass
class Known:
    """What is remembered of one who streams.

    Attributes:
        sender: who records.
        until: by the monotonic clock: afterwards it is looked up anew.
        places: where the streams stand; None: not known.
        nested: the summary's names that are dicts on the wire, as far as they were recorded.
    odd: that something odd came was said in the log.
    """

    sender: Sender
    until: float
    places: dict[ChunkKind, StreamPlace] | None = None
    nested: frozenset[str] = frozenset()
    odd: bool = False


class Standing:
    """The memory."""

    def __init__(self) -> None:
        self._known: OrderedDict[Name, Known] = OrderedDict()

    async def find(self, name: Name, look_up: Callable[[Name], Awaitable[Sender]]) -> Known:
        """What is known of one, looked up where it must be; raises what that raises."""
        known = self._known.get(name)
        if known is None or known.until < time.monotonic():
            sender = await look_up(name)
            if known is None or known.sender != sender:
                known = Known(sender, 0.0)
            known.until = time.monotonic() + _KNOWN_S
            self._known[name] = known
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(name)
        return known

    def forget(self, name: Name) -> None:
        """It was found to be wrong."""
        self._known.pop(name, None)
