"""Has the trials of sweeps analysed, and keeps what came of it until there is news.

The work is done by `sweeps.analysis` in a process of its own, one at a time, with a time limit:
the server's own threads only wait. While a sweep runs, an answer may be a few trials old; it says
of how many it is. Neighbours: server/analysis_api.py (who asks).
"""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sweeps
from controller import record
from controller.costs import accelerators
from controller.store.records import SweepRecord
from controller.store.store import Store
from sweeps.answers import LEAST_FOR_ADVICE, no_advice, no_importance
from sweeps.metrics import keeps, values_of
from sweeps.trial import TrialState

log = logging.getLogger(__name__)

LIMIT_S = 60.0
"""An analysis that takes longer is given up."""
MOST_TRIALS = 10_000
"""The newest so many are looked at."""
MOST_MORE = 50
"""So many further trials are played out at most."""
FRESH_S = 10.0
"""So long an answer holds while trials go on ending; a long analysis, ten times what it took."""
FRESH_S_OF_FEW = 1.0
"""The same while there are too few trials: what is missing is counted down."""
_KEPT = 64
_COMMAND = (sys.executable, "-P", "-m", "sweeps.analysis")
_IMPORTS = str(Path(sweeps.__file__).resolve().parents[1])

_ADVISED = (TrialState.FINISHED, TrialState.STOPPED, TrialState.FAILED)
_PAGE = 1000

Version = tuple[int, float | None]


@dataclass(frozen=True)
class _Answer:
    version: Version
    made: float
    took: float
    answer: dict[str, Any]


class Analyses:
    """Thread-safe; a call may take seconds (`LIMIT_S` at most, and those before it).

    Args:
        clock: monotonic seconds.
        limit_s: see LIMIT_S.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, limit_s: float = LIMIT_S
    ) -> None:
        self._clock = clock
        self._limit_s = limit_s
        self._working = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], _Answer] = OrderedDict()

    def importance(self, store: Store, sweep_id: str, of: str) -> dict[str, Any]:
        """The answer of /api/sweeps/{id}/importance. Raises NotFoundError.

        Args:
            of: "value", or "rank": the place of a trial's objective among all.
        """
        return self._answer(store, sweep_id, of, lambda sweep: self._importance(store, sweep, of))

    def advice(self, store: Store, sweep_id: str, more: int) -> dict[str, Any]:
        """The answer of /api/sweeps/{id}/advice. Raises NotFoundError.

        Args:
            more: how many more trials the gain is of; 0: only the best.
        """
        return self._answer(
            store, sweep_id, f"advice {more}", lambda sweep: self._advice(store, sweep, more)
        )

    def _answer(
        self,
        store: Store,
        sweep_id: str,
        what: str,
        work: Callable[[SweepRecord], dict[str, Any]],
    ) -> dict[str, Any]:
        with self._working:
            sweep = store.get_sweep(sweep_id)
            version = (sweep.ended_seq, sweep.changed)
            old = self._kept.get((sweep_id, what))
            if old and old.version == version:
                return old.answer
            if old and self._fresh(sweep, old):
                return {**old.answer, "stale": True}
            began = self._clock()
            answer = work(sweep)
            now = self._clock()
            self._kept[sweep_id, what] = _Answer(version, now, now - began, answer)
            self._kept.move_to_end((sweep_id, what))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return answer

    def _fresh(self, sweep: SweepRecord, old: _Answer) -> bool:
        waits = FRESH_S_OF_FEW if old.answer["needs"] else max(FRESH_S, 10 * old.took)
        return not sweep.state.over and self._clock() - old.made < waits

    def _importance(self, store: Store, sweep: SweepRecord, of: str) -> dict[str, Any]:
        trials = [trial for trial in store.trials(sweep.id) if trial.objective is not None]
        trials = trials[-MOST_TRIALS:]
        asked = {
            "spec": sweep.spec,
            "configs": [trial.config for trial in trials],
            "objectives": [trial.objective for trial in trials],
            "of": of,
        }
        answer = {**no_importance(), **(self._work(sweep, asked, len(trials)) if trials else {})}
        return {"trials": len(trials), "of": of, "stale": False, **answer}

    def _advice(self, store: Store, sweep: SweepRecord, more: int) -> dict[str, Any]:
        trials = [trial for trial in store.trials(sweep.id) if trial.state in _ADVISED]
        trials = trials[-MOST_TRIALS:]
        valued = sum(trial.objective is not None for trial in trials)
        spec = record.spec_of(sweep)
        told = {"trials": valued, "more": more, "stale": False, **no_advice()}
        if spec.metric is None:
            return {**told, "problem": "The sweep has no metric: trials are not compared."}
        if valued < LEAST_FOR_ADVICE:  # with more, only the process knows how many it takes
            return {**told, "needs": LEAST_FOR_ADVICE - valued}
        stopped = any(trial.state is TrialState.STOPPED for trial in trials)
        curves = _curves(store, sweep.id) if stopped else {}
        asked = {
            "spec": sweep.spec,
            "more": more,
            "trials": [
                {
                    "number": trial.number,
                    "config": trial.config,
                    "state": trial.state.value,
                    "objective": trial.objective,
                    "keeps": trial.objective is None
                    or keeps(spec.metrics, values_of(spec.metrics, trial.summary)),
                    "curve": curves.get(trial.number, ()),
                    "started": trial.started,
                    "ended": trial.ended,
                    "accelerators": accelerators(trial.device),
                }
                for trial in trials
            ],
        }
        return {**told, **self._work(sweep, asked, valued)}

    def _work(self, sweep: SweepRecord, asked: dict[str, Any], trials: int) -> dict[str, Any]:
        try:
            done = subprocess.run(
                _COMMAND,
                input=json.dumps(asked).encode(),
                capture_output=True,
                timeout=self._limit_s,
                check=True,
                cwd="/",
                # One thread: a matrix library would take every core of the machine.
                env={**os.environ, "PYTHONPATH": _IMPORTS, "OPENBLAS_NUM_THREADS": "1"},
            )
        except subprocess.TimeoutExpired:
            problem = f"it took more than {self._limit_s:g} s and was given up"
        except subprocess.CalledProcessError as error:
            log.error("the analysis of sweep %s: %s", sweep.id, error.stderr.decode()[-2000:])
            problem = "it failed; the server's log says how"
        else:
            answer: dict[str, Any] = json.loads(done.stdout)
            return answer
        return {"needs": 0, "problem": f"The analysis of {trials:,} trials: {problem}."}


def _curves(store: Store, sweep_id: str) -> dict[int, list[float]]:
    """The finite objective values of each trial by its number, of its newest attempt and what that
    one kept."""
    found: dict[int, list[tuple[int, float]]] = {}
    tokens: dict[int, int] = {}
    after = 0
    while page := store.objective_feed(sweep_id, after, _PAGE):
        for entry in page:
            curve = found.setdefault(entry.number, [])
            fresh = [point for point in entry.points if math.isfinite(point[1])]
            if fresh and entry.token > tokens.get(entry.number, 0):
                tokens[entry.number] = entry.token
                curve[:] = [point for point in curve if point[0] < fresh[0][0]]
            curve += fresh
        after = page[-1].feed
    return {number: [value for _, value in curve] for number, curve in found.items()}
