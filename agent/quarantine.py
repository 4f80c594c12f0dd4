"""Quarantine: an agent on a bad machine (a full disk, a broken driver, a missing mount) rests.

Such a machine fails every trial in seconds, and so takes more of them than all good ones together.
The agent counts trials that failed soon, one after another: one that ends well in between begins
the count anew. When they are too many it asks the server, which alone can tell whether it is the
machine: do trials run on other machines meanwhile, and do none fail there as these did? If so they
are queued again for others, and this agent takes none for a minute. Then it tries again; each
further failure doubles the rest, up to ten minutes, and the first trial that does not fail soon
ends the quarantine.

No I/O and no clock here. Neighbours: `policy.py` (the limits that end the agent), `bad_box.py`
(asks, rests), `controller/store/quarantine.py` (the server's half of the rule).
"""

from __future__ import annotations

import threading

from sweeps.trial import AttemptState, Outcome

SOON_S = 30.0
"""A trial that fails within so many seconds has failed soon."""
SUSPICIOUS = 5
"""So many in a row are asked about."""
AT_ONCE = 3
"""So many in a row of an agent that would end for its failures, but once had a trial end well."""
REST_S, LONGEST_REST_S = 60.0, 600.0


class Quarantine:
    """What one agent knows of its own failures. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._row: list[str] = []
        self._worked = False
        self._enough = SUSPICIOUS
        self._rest_s = REST_S
        self._why = ""

    @property
    def why(self) -> str:
        """Why no trials are taken, or only tried; "" where all is well."""
        with self._lock:
            return self._why

    def ended(self, trial_id: str, outcome: Outcome, seconds: float) -> bool:
        """Counts a trial's end. True: it shows that the machine is good after all."""
        with self._lock:
            if outcome.state is AttemptState.FAILED and seconds <= SOON_S:
                self._row.append(trial_id)
                return False
            if outcome.state not in (AttemptState.FINISHED, AttemptState.STOPPED) and (
                seconds <= SOON_S
            ):
                return False  # canceled, say: tells nothing
            self._worked = self._worked or outcome.state is not AttemptState.FAILED
            lifted = bool(self._why)
            self._forget()
            return lifted

    def suspects(self, *, at_once: bool = False) -> list[str]:
        """The trials to ask the server about; [] when there is nothing to ask.

        `at_once`: a limit, which may count failures that are not in a row as well, would end the
            agent. However few they are then, unless a trial ended well here before.
        """
        with self._lock:
            enough = self._enough
            if at_once:
                enough = min(enough, AT_ONCE if self._worked else 1)
            return list(self._row) if len(self._row) >= enough else []

    def granted(self, why: str) -> float:
        """The server believes it; for how many seconds to take no trials."""
        with self._lock:
            rest, self._rest_s = self._rest_s, min(2 * self._rest_s, LONGEST_REST_S)
            self._why, self._row, self._enough = why, [], 1
            return rest

    def declined(self) -> bool:
        """The server does not: it is the script. True if that ends a quarantine."""
        with self._lock:
            lifted = bool(self._why)
            self._forget()
            return lifted

    def _forget(self) -> None:
        self._row, self._enough, self._rest_s, self._why = [], SUSPICIOUS, REST_S, ""
