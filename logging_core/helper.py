"""The logger's helper thread: what may be done beside the script, some time after init().

Captures where the run comes from, then samples the machine, until the run has finished. It begins
a second late, so that init() stays quick and the script's own imports go first; what it needs
itself is imported there. Must never hold up the script: a fork waits only while it imports (a
forked child would otherwise inherit an import that nobody finishes), the end of the run a moment.

Neighbours: run.py starts and stops it; provenance.py and sampling.py are what it does.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple

from logging_core.frames import Record

if TYPE_CHECKING:
    from logging_core.sampling import SystemSampler

INTERVAL_S = 10.0
"""Between two samples of the machine, unless the user says otherwise."""
_AFTER_S = 1.0
_PATIENCE_S = 1.0


class Duties(NamedTuple):
    """What there is to do."""

    provenance: bool = False  # code, command, packages, machine
    script: bool = False  # a copy of the main script
    interval_s: float = 0.0  # between two samples of the machine; 0: none

    def __bool__(self) -> bool:
        return self.provenance or self.script or self.interval_s > 0


class Helper:
    """Does its duties from `start` to `stop`."""

    def __init__(
        self, duties: Duties, files: Path, system: Path, record: Callable[[Record], None]
    ) -> None:
        """`files`: the run's files; `system`: the record file for samples."""
        self._duties, self._files, self._system, self._record = duties, files, system, record
        self._over = threading.Event()
        self._sampler: SystemSampler | None = None
        self._thread = threading.Thread(target=self._run, name="opensweep helper", daemon=True)

    def start(self) -> None:
        if self._duties:
            self._thread.start()

    def stop(self) -> None:
        """The run ends: what is not captured yet is captured now; waits a moment at most."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)

    def forked(self) -> None:
        """In a forked child: the thread, and its files, are the parent's."""
        if self._sampler is not None:
            self._sampler.forked()

    def _run(self) -> None:
        duties = self._duties
        self._over.wait(_AFTER_S)
        if duties.provenance or duties.script:
            with _importing:
                from logging_core import provenance
            provenance.capture(
                self._files, self._record, whole=duties.provenance, script=duties.script
            )
        if duties.interval_s > 0 and not self._over.is_set():
            with _importing:
                from logging_core import sampling
            self._sampler = sampling.SystemSampler(self._system, duties.interval_s)
            self._sampler.run(self._over)


_importing = threading.Lock()
os.register_at_fork(
    before=_importing.acquire,
    after_in_parent=_importing.release,
    after_in_child=_importing.release,
)
