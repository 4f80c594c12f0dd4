"""Acts on a quarantine: asks the server, shuts the gate for a while, and says so.

Neighbours: `quarantine.py` (when), `slots.py` (the gate), `agent.py` (feeds it).
"""

from __future__ import annotations

import threading

from agent.quarantine import Quarantine
from agent.slots import Gate
from agent.voice import Voice
from sweeps.errors import OpensweepError
from sweeps.protocol.client import Client
from sweeps.trial import Outcome


class BadBox:
    """Whether this machine fails trials that run elsewhere. Thread-safe.

    Args:
        sweep_id, agent_id: who asks the server.
        gate: is at rest during a quarantine.
        voice: tells people.
    """

    def __init__(self, sweep_id: str, agent_id: str, gate: Gate, voice: Voice) -> None:
        self._sweep_id, self._agent_id, self._gate, self._voice = sweep_id, agent_id, gate, voice
        self._quarantine = Quarantine()
        self._waking: threading.Timer | None = None

    @property
    def why(self) -> list[str]:
        """What `sweep status` shows; [] where all is well."""
        why = self._quarantine.why
        return [why] if why else []

    def ended(
        self, client: Client, trial_id: str, outcome: Outcome, seconds: float, *, enough: bool
    ) -> bool:
        """Takes in a trial's end; blocks for the server's answer where there is a question.

        Args:
            seconds: that it ran.
            enough: the agent would end now, for it failed too many.

        Returns whether the machine is in quarantine for it: then the agent need not end.
        """
        if self._quarantine.ended(trial_id, outcome, seconds):
            self._voice.warn("a trial did not fail here: the quarantine is over")
        suspects = self._quarantine.suspects(at_once=enough)
        if not suspects or self._gate.closed or self._gate.resting:
            return self._gate.resting
        self._gate.rest(True)  # first: what is queued again is for others
        said = outcome.detail or outcome.reason.value
        why = (
            "in quarantine: trials fail here in seconds, and run on other machines. "
            f"The last was {trial_id}: {said.rstrip('.')}"
        )
        try:
            again = client.quarantine(self._sweep_id, self._agent_id, suspects, why)
        except OpensweepError:
            again = None
        if again is None:
            self._gate.rest(False)
            if self._quarantine.declined():
                self._voice.warn("nothing says that it is this machine: the quarantine is over")
            return False
        self._rest(self._quarantine.granted(why), why, len(again))
        return True

    def close(self) -> None:
        """The agent ends."""
        if self._waking is not None:
            self._waking.cancel()

    def _rest(self, seconds: float, why: str, again: int) -> None:
        queued = f"{again} trials are queued again for other machines; " if again else ""
        self._voice.warn(f"{why}. {queued}the next one is tried here in {seconds:.0f} s.")
        self._waking = threading.Timer(seconds, self._gate.rest, (False,))
        self._waking.daemon = True
        self._waking.start()
