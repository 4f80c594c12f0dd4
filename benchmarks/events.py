"""What open pages cost the server, and how soon they hear of a new point.

    python -m benchmarks.events [--pages N] [--runs N] [--seconds S]

A server with many runs in one project; streams of `GET /api/events`, each following a run, its
project and the list of sweeps; and 20 runs that are sent a chunk twice a second. Prints the
processor time of the server with and without pages, how soon news arrives, and how many looks into
the database a second that takes. The goals: 100 pages over 10,000 runs take less than a tenth of a
core while runs log and a hundredth while nothing happens, and news arrives within half a second.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from controller.store import Chunk, ChunkKind, NewRun, Store, open_store
from opensweep.local import Settings, find_server, server_status, start_server, stop_server
from sweeps.protocol.chunks import encode

KEY = "b" * 40
LOGGING = 20
GAP_S = 0.5


class Pages:
    """Streams that are only read."""

    def __init__(self, url: str, count: int) -> None:
        self._at = urlsplit(url)
        self._selector = selectors.DefaultSelector()
        self._over = threading.Event()
        self.heard: dict[int, list[float]] = {}
        self.sockets = [self._open(number) for number in range(count)]
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _open(self, number: int) -> socket.socket:
        line = socket.create_connection((self._at.hostname or "", self._at.port or 0))
        topics = f"topic=run/r{number % LOGGING}&topic=project/big&topic=sweeps"
        line.sendall(
            f"GET /api/events?{topics} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {KEY}\r\n\r\n".encode()
        )
        self._selector.register(line, selectors.EVENT_READ, number)
        self.heard[number] = []
        return line

    def _read(self) -> None:
        while not self._over.is_set():
            for key, _ in self._selector.select(0.2):
                got = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                if b"run/" in got:
                    self.heard[key.data].append(time.time())

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for line in self.sockets:
            line.close()


class Logging:
    """Runs that log: committed by this process, as by another server of the same database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._over = threading.Event()
        self.sent: list[tuple[int, float]] = []
        self._thread = threading.Thread(target=self._log)
        self._thread.start()

    def _log(self) -> None:
        seq = int(time.time() * 10)
        while not self._over.wait(GAP_S / LOGGING):
            seq += 1
            run = seq % LOGGING
            data = encode([(seq, time.time(), {"loss": 1.0})])
            self._store.add_chunk(Chunk(f"r{run}", 1, ChunkKind.HISTORY, seq, seq, seq, 1, data))
            self.sent.append((run, time.time()))

    def close(self) -> None:
        self._over.set()
        self._thread.join()


def busy(process: psutil.Process, seconds: float) -> float:
    """The share of a core that the process takes."""
    before = sum(process.cpu_times()[:2])
    time.sleep(seconds)
    return (sum(process.cpu_times()[:2]) - before) / seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", key=KEY)
        url = start_server(settings, port=0)
        try:
            with open_store(f"sqlite:///{settings.home / 'opensweep.db'}") as store:
                return _measure(given, settings, url, store)
        finally:
            stop_server(settings)


def _measure(given: argparse.Namespace, settings: Settings, url: str, store: Store) -> int:
    for number in range(given.runs):
        store.register_run(NewRun(f"r{number}", f"u{number}", project="big"))
    note = server_status(settings) or {}
    process = psutil.Process(int(note["pid"]))
    client = find_server(settings)
    assert client is not None
    time.sleep(2)
    figures = {"nothing happens, no page": busy(process, given.seconds)}
    pages = Pages(url, given.pages)
    time.sleep(2)
    figures[f"nothing happens, {given.pages} pages"] = idle = busy(process, given.seconds)
    pages.close()
    logging = Logging(store)
    time.sleep(1)
    figures[f"{LOGGING} runs log, no page"] = alone = busy(process, given.seconds)
    pages = Pages(url, given.pages)
    time.sleep(2)
    logging.sent.clear()
    begun = time.time()
    figures[f"{LOGGING} runs log, {given.pages} pages"] = both = busy(process, given.seconds)
    logging.close()
    time.sleep(1)
    pages.close()
    for name, share in figures.items():
        print(f"{name:<34} {100 * share:5.1f} % of a core")
    delays = [
        min((heard - sent for heard in pages.heard[run] if heard >= sent), default=9.0)
        for run, sent in logging.sent
        if sent > begun
    ]
    worst = sorted(delays)[int(0.99 * len(delays))]
    told = sum(len(times) for times in pages.heard.values())
    print(
        f"news after {1000 * statistics.median(delays):.0f} ms (median), {1000 * worst:.0f} ms "
        f"(99 of 100); {told / (given.seconds + 3):.0f} pages told a second"
    )
    return int(idle > 0.02 or both - alone > 0.1 or worst > 0.5)


if __name__ == "__main__":
    raise SystemExit(main())
