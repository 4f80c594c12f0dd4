"""Where this agent's trials come from: captured once, written into every trial's folder.

Code, machine, GPUs, interpreter and packages are the same for all trials of an agent: a thread
captures them when the first trial runs, and gives each folder its files (`opensweep-metadata.json`,
`requirements.txt`, `diff.patch`, …) with what is the trial's own. They go to the server with the
trial's other files, their main things with its metadata. Must never delay a trial's start, nor
touch what a trial runs. Neighbours: logging_core/provenance.py (what is captured), attempt.py.
"""

from __future__ import annotations

import json
import os
import queue
import re
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.launch import Launch, Program
from logging_core import environment, masking
from logging_core.commands import ask
from logging_core.folder import RunFolder
from logging_core.provenance import (
    Captured,
    of_code,
    of_environment,
    of_machine,
    packages,
)

_ABOUT_PYTHON = (
    "import json, sys; print(json.dumps([sys.version.split()[0], sys.executable, sys.path]))"
)
_PYTHON = re.compile(r"(python|pypy)[\d.]*$")


@dataclass(frozen=True)
class _Trial:
    folder: RunFolder
    token: int
    device: str
    launch: Launch
    started: float
    about: dict[str, Any]
    written: threading.Event


class Provenance:
    """Writes what it captures into the folders of trials. Thread-safe.

    Args:
        program: how the sweep's command runs here.
        environ: the agent's environment.
        home: the agent's, whatever its environment says.
    """

    def __init__(self, program: Program, environ: Mapping[str, str], home: Path) -> None:
        self._program = program
        self._environ = {**environ, "OPENSWEEP_HOME": str(home)}
        self._trials: queue.SimpleQueue[_Trial | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._shared: Captured | None = None
        self._lock = threading.Lock()
        self._without = environment.read(environ).without

    def attach(
        self, folder: RunFolder, token: int, device: str, launch: Launch, about: dict[str, Any]
    ) -> threading.Event:
        """An attempt has started: its folder soon gets its files and `about` their main things.

        Returns at once; the event is set when that is done.
        """
        trial = _Trial(folder, token, device, launch, time.time(), about, threading.Event())
        if "meta" in self._without:
            trial.written.set()
            return trial.written
        self._trials.put(trial)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="provenance", daemon=True)
                self._thread.start()
        return trial.written

    def close(self) -> None:
        """Writes what is due, for a moment at most."""
        self._trials.put(None)
        if self._thread is not None:
            self._thread.join(1.0)

    def _run(self) -> None:
        while (trial := self._trials.get()) is not None:
            with suppress(Exception):  # it is about the trial, no reason to disturb anything
                if self._shared is None:
                    self._shared = self._capture(trial.launch)
                captured = self._shared.with_more(**_own(trial, self._program))
                trial.about.update(captured.brief())
                captured.write(trial.folder.files)
            trial.written.set()

    def _capture(self, launch: Launch) -> Captured:
        code = Captured({}, {})
        if "git" not in self._without:
            diff = "code" not in self._without
            code = of_code(str(self._program.cwd), self._environ, diff=diff)
        said: dict[str, Any] = {**of_machine(self._environ), **code.said}
        files = dict(code.files)
        python = _interpreter(launch.argv)
        told = python and ask(
            [python, "-c", _ABOUT_PYTHON], cwd=str(self._program.cwd), environ=self._environ
        )
        if told:
            version, executable, path = json.loads(told)
            said.update(python=version, executable=executable)
            files.update(packages(path, self._environ))
        return Captured(said, files)


def _interpreter(argv: Sequence[str]) -> str | None:
    """The Python that a command runs; None when it runs something else."""
    for part in argv[:2]:  # behind /usr/bin/env
        if _PYTHON.match(os.path.basename(part)):
            return part
    return None


def _own(trial: _Trial, program: Program) -> dict[str, Any]:
    argv = list(trial.launch.argv)
    name = program.program or argv[0]
    behind = argv.index(name) + 1 if name in argv else 1
    return {
        "attempt": trial.token,
        "device": trial.device,
        "program": name,
        "args": masking.arguments(argv[behind:]),
        "command": masking.arguments(argv),
        "codePath": name,
        "cwd": str(program.cwd),
        "startedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(trial.started)),
        **of_environment(trial.launch.env),
    }
