"""Waits for the store's group commit without holding a thread: hundreds of clients do so at once.

Neighbours: controller/store/commits.py (answers in a thread of its own), agent_api.py and
controller/wandb_api/streams/file_stream.py (who wait).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def offered(
    offer: Callable[[T, Callable[[bool | Exception], None]], None], item: T
) -> asyncio.Future[bool]:
    """Offers `item` at once; the future gets what the store answers, or raises it."""
    loop = asyncio.get_running_loop()
    committed: asyncio.Future[bool] = loop.create_future()

    def settle(result: bool | Exception) -> None:
        if committed.done():  # nobody waits any more
            return
        if isinstance(result, Exception):
            committed.set_exception(result)
        else:
            committed.set_result(result)

    def answer(result: bool | Exception) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(settle, result)

    try:
        offer(item, answer)
    except Exception as error:
        settle(error)
    return committed
