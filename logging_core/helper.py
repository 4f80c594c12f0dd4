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

from logging_core.environment import Environment
from logging_core.frames import Record
from logging_core.hints import TYPE_CHECKING, Any, Callable, NamedTuple

if TYPE_CHECKING:
    from logging_core.sampling import SystemSampler

INTERVAL_S = 10.0
"""Between two samples of the machine, unless the user says otherwise."""
_AFTER_S = 1.0
_PATIENCE_S = 1.0


class Duties(NamedTuple):
    """What there is to do."""

    provenance: bool = True  # command, packages, machine
    git: bool = True  # commit, branch, remote
    diff: bool = True  # what is not committed
    script: bool = False  # a copy of the main script
    interval_s: float = INTERVAL_S  # between two samples of the machine; 0: none

    def __bool__(self) -> bool:
        return self.provenance or self.script or self.interval_s > 0

    @classmethod
    def of(cls, setting: Callable[[str], Any], save_code: bool | None, env: Environment) -> Duties:
        """As the script's settings (W&B's names) and the environment have it."""

        def wanted(name: str) -> bool:
            names = (f"x_disable_{name}", f"_disable_{name}", f"disable_{name}")
            said = [setting(one) for one in names if setting(one) is not None]
            return not (said[0] if said else name in env.without)

        if save_code is None:
            save_code = setting("save_code")
        interval_s = setting("x_stats_sampling_interval") or setting("_stats_sampling_interval")
        return cls(
            provenance=wanted("meta"),
            git=wanted("git"),
            diff=wanted("code"),
            script=env.save_code if save_code is None else bool(save_code),
            interval_s=(0.0 if not wanted("stats") else float(interval_s or env.system_interval_s)),
        )

    def beside(self, *, agent: bool, first: bool) -> Duties:
        """What is left where an agent does its part, or for another than a run's first process."""
        if not first:
            return Duties(False, False, False, False, 0.0)
        return self._replace(provenance=False, interval_s=0.0) if agent else self


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
            provenance.capture(duties, self._files, self._record)
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
