"""The agent's pulse: claims and leases, orders, free slots, and whether the sweep is over.

Every 3 s, and at once when the controller calls, the lease of each running attempt is renewed and
its orders are read; then the agent says how many slots are free. A claim and a beat never overlap,
since both set the number of free slots: a beat that was on its way while a claim took a slot would
announce that slot again.

A lease that is somebody else's means: kill the trial, record nothing. So an agent that was frozen
for longer than its lease does no harm when it goes on. One that Redis does not know says nothing:
Redis was wiped, and the controller projects it anew; or the trial was given up, and only the server
can tell (doubt.py). Neighbours: agent.py (the Pulsed here).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from agent.attempt import Attempt
from agent.doubt import Doubt
from agent.listening import Backoff
from agent.seek import Seeker
from agent.slots import Gate
from agent.voice import Voice
from agent.worker import Broker, RedisError, SlotWorker, WakeListener
from sweeps.errors import NotFoundError, OpensweepError
from sweeps.protocol.client import Client
from sweeps.protocol.live import BEAT_S, AgentBeat, Claim
from sweeps.trial import SweepState

_ASK_S = 5.0
"""Seconds between two questions to the server while Redis cannot say how the sweep is."""


class Pulsed(Protocol):
    """What the heart needs of its agent."""

    client: Client
    broker: Broker
    agent_id: str
    sweep_id: str
    gate: Gate
    ending: threading.Event
    voice: Voice
    seeker: Seeker

    def running(self) -> list[Attempt]: ...

    def workers(self) -> Iterable[SlotWorker]: ...

    def info(self) -> Mapping[str, Any]:
        """What people are shown of this agent."""

    def sweep_is(self, state: SweepState) -> None:
        """How the sweep stands."""

    def sweep_is_gone(self, error: NotFoundError) -> None:
        """The server knows no such sweep."""

    def connect_again(self) -> Broker | None:
        """Another Redis if the server uses another one by now. Raises OpensweepError."""


class Heart(threading.Thread):
    """The beating thread, and the claims that must not overlap with a beat."""

    def __init__(self, agent: Pulsed) -> None:
        super().__init__(name="beat", daemon=True)
        self._agent = agent
        self._exclusive = threading.Lock()
        self._claimed: set[tuple[str, int]] = set()
        self._owed: set[tuple[str, int]] = set()
        self._call, self._over = threading.Event(), threading.Event()
        self._asked = 0.0
        self._doubt = Doubt()
        self._listener = WakeListener(agent.broker, agent.agent_id, self._call.set)

    # -- from the slots -----------------------------------------------------------------------

    def claim(self, trial_id: str, token: int, slot: int) -> bool:
        """Takes an attempt for this agent, however long Redis is away meanwhile.

        False: it is another's, or long over, or the agent is ending.
        """
        backoff = Backoff()
        while True:
            try:
                with self._exclusive:
                    won = self._claim_once(trial_id, token)
                    if won:
                        self._claimed.add((trial_id, token))
                        self._agent.gate.taken(slot)
                return won
            except RedisError as error:
                self._agent.voice.redis_away(error)
                if self._agent.ending.wait(backoff.seconds()):
                    return False

    def _claim_once(self, trial_id: str, token: int) -> bool:
        live, agent = self._agent.broker.live, self._agent.agent_id
        if (trial_id, token) in self._claimed:
            return False  # a job that was queued twice
        if live.claim(trial_id, token, agent) is Claim.OK:
            return True
        # A claim whose answer was lost on the way is ours all the same.
        return live.renew(trial_id, token, agent).status is Claim.OK

    def let_go(self, trial_id: str, token: int) -> None:
        """The attempt's end is recorded: its lease is no longer needed."""
        try:
            self._agent.broker.live.finish(trial_id, token)
        except RedisError:
            self._owed.add((trial_id, token))

    def beat(self, *, ring: bool = False) -> None:
        """Says how many slots are free; `ring`: the controller should act on it now."""
        try:
            self._beat(ring)
        except RedisError as error:
            self._agent.voice.redis_away(error)

    def call(self) -> None:
        """Makes the thread look at its orders now."""
        self._call.set()

    # -- the thread ---------------------------------------------------------------------------

    def run(self) -> None:
        self._listener.start()
        while not self._over.is_set():
            try:
                self._round()
            except Exception as error:  # no fault may stop the pulse: the trials would be lost
                self._agent.voice.warn(f"the heartbeat met {type(error).__name__}: {error}")
            self._call.wait(BEAT_S)
            self._call.clear()

    def stop(self) -> None:
        """Ends the thread; the controller learns that this agent is gone."""
        self._over.set()
        self._call.set()
        if self.ident is not None:
            self.join()
            self._listener.stop()
        self._doubt.stop()
        with suppress(RedisError):
            self._agent.broker.live.leave(self._agent.agent_id)

    def _round(self) -> None:
        live = self._agent.broker.live
        unknown: list[Attempt] = []
        try:
            for attempt in self._agent.running():
                renewal = live.renew(attempt.trial_id, attempt.token, self._agent.agent_id)
                if renewal.status is Claim.FENCED:
                    attempt.fence()
                elif renewal.status is Claim.OK:
                    attempt.obey(renewal.order, renewal.why)
                else:
                    unknown.append(attempt)
            self._doubt.look(unknown)
            for worker in self._agent.workers():
                worker.keep()
            for trial_id, token in list(self._owed):
                live.finish(trial_id, token)
                self._owed.discard((trial_id, token))
            self._beat(ring=False)
            self._agent.voice.sweep_trouble(live.trouble(self._agent.sweep_id))
        except RedisError as error:
            self._agent.voice.redis_away(error)
            self._ask_server(redis_is_away=True)
        else:
            self._agent.voice.redis_back()
        if self._agent.voice.server_away_s() > _ASK_S:
            self._agent.seeker.look()

    def _beat(self, ring: bool) -> None:
        agent = self._agent
        with self._exclusive:
            word = AgentBeat(agent.agent_id, agent.sweep_id, agent.gate.free, agent.info())
            state = agent.broker.live.beat(word, ring=ring)
        if state is None:
            self._ask_server(redis_is_away=False)
        else:
            with suppress(ValueError):  # a state that a later version knows
                agent.sweep_is(SweepState(state))

    def _ask_server(self, *, redis_is_away: bool) -> None:
        """What Redis cannot say: is the sweep over, and is it another Redis by now?"""
        if time.monotonic() - self._asked < _ASK_S and self._asked:
            return
        self._asked = time.monotonic()
        agent = self._agent
        try:
            agent.sweep_is(SweepState(agent.client.sweep(agent.sweep_id)["state"]))
            broker = agent.connect_again() if redis_is_away else None
        except NotFoundError as error:
            agent.sweep_is_gone(error)
        except (OpensweepError, ValueError, KeyError):
            pass  # away as well; training goes on
        else:
            if broker is not None:
                self._move_to(broker)

    def _move_to(self, broker: Broker) -> None:
        self._listener.stop()
        old, self._agent.broker = self._agent.broker, broker
        self._listener = WakeListener(broker, self._agent.agent_id, self._call.set)
        self._listener.start()
        old.close()
