"""A wire that can be cut: TCP connections to one address, whose bytes can be held back each way.

What is held back arrives when the wire is whole again, as TCP sends again what a network dropped;
by then one end may have given up, which is the point. Neighbour: `boxes.py` (a wire each way out of
a box).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any

UP, DOWN = "up", "down"


class Wires:
    """The thread that all wires of a world run in."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._thread.start()
        self._wires: list[Wire] = []

    def wire(self, port: int) -> Wire:
        """A new one to a port of this machine."""
        wire = Wire(self, port)
        self.run(wire.open())
        self._wires.append(wire)
        return wire

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def close(self) -> None:
        for wire in self._wires:
            self.run(wire.shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Wire:
    """Attributes: port: where it is entered; target: where it leads, may be changed."""

    def __init__(self, wires: Wires, target: int) -> None:
        self._wires = wires
        self.target, self.port = target, 0
        self._whole = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        for event in self._whole.values():
            event.set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ends: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self, *ways: str) -> None:
        """Holds back what goes these ways."""

        async def work() -> None:
            for way in ways:
                self._whole[way].clear()

        self._wires.run(work())

    def heal(self) -> None:
        async def work() -> None:
            for event in self._whole.values():
                event.set()

        self._wires.run(work())

    def snap(self) -> None:
        """Breaks the connections that there are; new ones may be made."""

        async def work() -> None:
            for end in list(self._ends):
                end.transport.abort()

        self._wires.run(work())

    async def shut(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._ends.add(near_out)
        far_out = None
        try:
            await self._whole[UP].wait()
            far_in, far_out = await asyncio.open_connection("127.0.0.1", self.target)
            self._ends.add(far_out)
            pumps = [self._pump(near_in, far_out, UP), self._pump(far_in, near_out, DOWN)]
            await asyncio.gather(*pumps)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in filter(None, (near_out, far_out)):
                self._ends.discard(end)
                end.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: str
    ) -> None:
        while data := await source.read(65536):
            await self._whole[way].wait()
            sink.write(data)
            await sink.drain()
        await self._whole[way].wait()
        with contextlib.suppress(OSError):
            sink.write_eof()
