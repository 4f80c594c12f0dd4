"""A peer in a process of its own, spoken to in lines of JSON (see peers/session.py)."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.search.environments import Absent
from benchmarks.search.peers import Setting, session
from benchmarks.search.space import Config, Space, as_json

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Pipe:
    """One peer; what it is asked comes back with the seconds that it took itself.

    Args:
        python: the interpreter that has the tool; "": it is run in this process.
        limit: seconds that one answer may take.

    Raises:
        Absent: from every call and the making, when the peer has failed or is too slow; it is
            over then.
    """

    def __init__(self, python: str, limit: float = 600.0) -> None:
        self._limit = limit
        self._process: subprocess.Popen[bytes] | None = None
        self._here: session.Session | None = None
        if not python:
            self._here = session.Session()
            return
        self._home = tempfile.TemporaryDirectory()
        self._err = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        try:
            self._process = self._begin(python)
        except OSError as why:
            raise Absent(f"cannot be started: {why}") from why

    def _begin(self, python: str) -> subprocess.Popen[bytes]:
        ours = ["ours"] if python == sys.executable else []
        return subprocess.Popen(
            [python, "-P", str(Path(session.__file__)), *ours],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._err,
            cwd=self._home.name,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": self._home.name,
                "TMPDIR": self._home.name,
                "PYTHONHASHSEED": "0",
                **dict.fromkeys(_THREADS, "1"),
            },
        )

    def start(
        self, module: str, options: Mapping[str, Any], space: Space, setting: Setting
    ) -> None:
        """Makes a new peer; the one of before is forgotten."""
        self._send(
            do="start",
            module=f"benchmarks.search.peers.{module}",
            options=dict(options),
            space=as_json(space),
            setting=vars(setting),
        )

    def ask(self, number: int) -> tuple[Config, float]:
        reply = self._send(do="ask", number=number)
        return reply["config"], reply["seconds"]

    def report(self, number: int, epoch: int, value: float) -> tuple[bool, float]:
        reply = self._send(do="report", number=number, epoch=epoch, value=value)
        return reply["stop"], reply["seconds"]

    def tell(
        self, number: int, value: float, *, stopped: bool = False, took: float | None = None
    ) -> float:
        reply = self._send(do="tell", number=number, value=value, stopped=stopped, took=took)
        seconds: float = reply["seconds"]
        return seconds

    def learn(self, number: int, config: Config, value: float | None) -> None:
        self._send(do="learn", number=number, config=config, value=value)

    def best(self) -> int | None:
        number: int | None = self._send(do="best")["number"]
        return number

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._err):
                if stream is not None:
                    stream.close()
            self._home.cleanup()
            self._process = None

    def _send(self, **message: Any) -> dict[str, Any]:
        if self._here is not None:
            return self._here.answer(message)
        if self._process is None:
            raise Absent("it has ended")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail("it has ended")
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(self._limit):
                self._fail(f"{message['do']}: no answer within {self._limit:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            self._fail("it has ended")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _fail(self, why: str) -> None:
        self._err.seek(0)
        said = [line.strip() for line in self._err if line.strip()]
        self.close()
        raise Absent(f"{why}: {said[-1][:300]}" if said else why)
