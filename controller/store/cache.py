"""What was read and unpacked, kept for the next reader, within a bound. Thread-safe.

Its keys must name something that never changes (a packed stretch, a chunk, an answer together with
the version of all that it was made from): then nothing in here can be stale.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any


class Cache:
    """Values by key; those not asked for the longest go first.

    Args:
        most_bytes: what the values may take, by their givers' word.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Any:
        """The value, or None."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def clear(self) -> None:
        """Forgets everything: something that should never change did."""
        with self._lock:
            self._values.clear()
            self._bytes = 0

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keeps a value of about `size` bytes, if it is worth the room."""
        size += 200  # the key, and the entry itself
        if size > self._most // 4:
            return
        with self._lock:
            old = self._values.pop(key, None)
            if old is not None:
                self._bytes -= old[1]
            self._values[key] = (value, size)
            self._bytes += size
            while self._bytes > self._most:
                _, (_, freed) = self._values.popitem(last=False)
                self._bytes -= freed
