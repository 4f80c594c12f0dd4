"""W&B's agents: each is a slot like any other, at the queue that our own agents use.

Such an agent asks every five seconds what to do and lists what it runs. So its word does what an
agent of ours does by itself: it beats in Redis, renews the leases of its attempts, takes a job out
of the queue, claims it, starts it in the database, and hands the trial over. Two things make up for
its poverty of words:

- an answer can be lost: an attempt that was started and that the agent does not list is handed out
  again, until the agent lists it or its script speaks; only then does "not listed" mean "ended";
- it asks once where our agents wait: a question that comes a moment before the loop has a
  suggestion is asked again for about a second (`AskAgain`), without a thread that waits.

An agent's id holds all that the server needs to know of it. Neighbours: attempts.py (leases, ends),
notes.py, agent_lists.py (for people).
"""

from __future__ import annotations

import binascii
import contextlib
import json
import logging
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from controller import record
from controller.queue import TrialQueue
from controller.server.services import Services
from controller.store.records import AttemptRecord, SweepRecord, TrialRecord
from controller.wandb_api.context import AskAgain, Door, HttpStatus, Info, door
from controller.wandb_api.ids import global_id, parse_id
from controller.wandb_api.sweeps.attempts import end_held, end_silent, was_given_up
from controller.wandb_api.sweeps.fields import find_sweep
from sweeps.errors import Fenced, NotFoundError, UsageError
from sweeps.protocol.live import AgentBeat, Claim, Order, wandb_agent_id
from sweeps.run_name import attempt_of, run_name
from sweeps.trial import SweepState

log = logging.getLogger(__name__)

PAUSES_S = (0.03, 0.07, 0.15, 0.3, 0.5)
"""How long after one another a question is asked again before its answer is: nothing yet."""
REPEATED_S = 4.0
"""Agents ask every five seconds. Who asks again sooner never had the answer."""
GRACE_S = 10.0
"""The last word of a script that has begun a run may come so long after its process ended."""
PATIENCE_S = 30.0
"""After so long an agent is told to end a script that was ordered to stop: it hears of it by its
own stream first, which speaks every 15 s, and then ends in good order."""
_HANDS_OUT = (SweepState.PENDING, SweepState.RUNNING)
_MORE = " `wandb sweep --update` with more to try, or `--resume`, lets it go on."
_HOST = re.compile(r"[^A-Za-z0-9._-]+")

Command = dict[str, Any]


class Agent(NamedTuple):
    """Attributes:
    sweep_id: what it works for.
    host: its machine, as it said.
    key: tells it from others.
    """

    sweep_id: str
    host: str
    key: str

    @property
    def id(self) -> str:
        """Among all agents, ours too."""
        return wandb_agent_id(_HOST.sub("_", self.host), self.key)

    @property
    def global_id(self) -> str:
        host = urlsafe_b64encode(self.host[:200].encode()).decode()
        return global_id("Agent", f"{self.sweep_id}:{self.key}:{host}")

    @classmethod
    def parse(cls, text: str) -> Agent:
        """Raises NotFoundError when `text` is no id of an agent."""
        sweep_id, _, rest = parse_id(text, "Agent").partition(":")
        key, _, host = rest.partition(":")
        try:
            return cls(sweep_id, urlsafe_b64decode(host).decode(), key)
        except (binascii.Error, ValueError):
            raise NotFoundError(f"{text!r} is not the id of any Agent") from None


def create_agent(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    here = door(info)
    sweep_id = str(input.get("sweep") or "")
    sweep = find_sweep(here, input.get("entityName"), input.get("projectName"), sweep_id)
    if sweep is None:
        raise HttpStatus(404, f"there is no sweep {sweep_id!r}: `sweep ls` lists those that are")
    if sweep.state.over or sweep.state is SweepState.STOPPING:
        why = f" ({sweep.reason})" if sweep.reason else ""
        hint = "" if sweep.state is not SweepState.FINISHED else _MORE
        text = f"sweep {sweep.id} is {sweep.state.value}{why}: it has no work for an agent.{hint}"
        raise HttpStatus(400, text)
    agent = Agent(sweep.id, str(input.get("host") or "unknown"), secrets.token_hex(4))
    return {"agent": agent}


def heartbeat(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    here = door(info)
    try:
        agent = Agent.parse(str(input.get("id") or ""))
        with here.found.notes.turn(agent.id):
            sweep = here.store.get_sweep(agent.sweep_id)
            commands = _Turn(here, agent, sweep, _listed(input.get("runState"))).commands()
    except NotFoundError as error:
        raise HttpStatus(404, str(error)) from None
    return {"agent": agent, "commands": json.dumps(commands)}


def _listed(text: Any) -> set[str]:
    """The names of the runs whose processes live."""
    try:
        states = json.loads(text) if isinstance(text, str) and text else text or {}
    except ValueError as error:
        raise UsageError(f"runState: this is no JSON: {error}") from None
    if not isinstance(states, dict):
        raise UsageError("runState: expected an object of run ids")
    return {name for name, alive in states.items() if alive}


class _Turn:
    """One word of an agent, and the answer to it.

    At most one command is answered: clients that run functions look at the first alone.
    """

    def __init__(self, here: Door, agent: Agent, sweep: SweepRecord, listed: set[str]) -> None:
        self._found: Services = here.found
        self._store, self._live = here.found.store, here.found.live
        self._queue = TrialQueue(here.found.live.connection)
        self._asked = here.asked
        self._agent, self._sweep, self._listed = agent, sweep, listed

    def commands(self) -> list[Command]:
        mine = {
            run_name(each.trial_id, each.token): each
            for each in self._store.running_attempts(self._sweep.id)
            if each.agent_id == self._agent.id
        }
        stop = [name for name, each in mine.items() if self._ends(name, each)]
        stop += [name for name in self._listed - mine.keys() if self._is_late(name)]
        again = [each for name, each in mine.items() if self._missed(name, each)]
        if stop:
            return [{"type": "stop", "run_id": stop[0]}]
        if self._listed:
            self._beat(free=0)
            return []
        if again:
            self._beat(free=0)
            return [self._run(again[0].trial_id, again[0].token)]
        if self._sweep.state not in (*_HANDS_OUT, SweepState.PAUSED):
            self._leave()
            return [{"type": "exit"}]
        if self._sweep.state is SweepState.PAUSED:
            self._beat(free=0)
            return []
        return self._next()

    # -- what it runs -------------------------------------------------------------------------

    def _ends(self, name: str, attempt: AttemptRecord) -> bool:
        """Renews an attempt's lease; whether the agent has to end its process now."""
        try:
            renewal = self._live.renew(attempt.trial_id, attempt.token, self._agent.id)
        except RedisError:
            return False
        if name not in self._listed:
            return False
        note = self._found.notes.of(attempt.trial_id, attempt.token)
        note.listed, note.seen, note.missing = True, time.monotonic(), None
        if renewal.status is Claim.FENCED:
            return True
        if renewal.order is Order.NONE:
            return False
        now = time.monotonic()
        note.ordered = note.ordered or now
        if renewal.order is Order.STOP and now - note.ordered < PATIENCE_S:
            return False
        note.told = True
        return True

    def _is_late(self, name: str) -> bool:
        """Whether a process goes on with an attempt that was given up."""
        named = attempt_of(name)
        if named is None or not named[0].startswith(f"{self._sweep.id}-"):
            return False
        try:
            attempts = self._store.attempts(named[0])
        except NotFoundError:
            return False
        return any(each.token == named[1] and was_given_up(each) for each in attempts)

    def _missed(self, name: str, attempt: AttemptRecord) -> bool:
        """Whether a running attempt that the agent does not list never reached it. One that did
        has ended: if nothing is heard of how, that is recorded after a while."""
        if name in self._listed:
            return False
        note = self._found.notes.of(attempt.trial_id, attempt.token)
        if note.held:
            end_held(self._found, attempt)
            return False
        now = time.monotonic()
        spoke = note.spoke or self._spoke(attempt)
        if not (note.listed or spoke) and (
            note.answered is None or now - note.answered < REPEATED_S
        ):
            return True
        note.missing = note.missing or now
        if not spoke or now - note.missing >= GRACE_S or self._sweep.state.over:
            ended = end_silent(self._found, attempt, spoke=spoke)
            if ended is not None:
                log.warning("trial %s: %s", attempt.trial_id, ended.trial.detail)
        return False

    def _spoke(self, attempt: AttemptRecord) -> bool:
        heard = self._store.get_run(attempt.trial_id).heard
        return heard is not None and attempt.started is not None and heard >= attempt.started

    # -- the next trial -----------------------------------------------------------------------

    def _next(self) -> list[Command]:
        """The next trial, for as long as the loop needs to think of one."""
        try:
            trial = self._take()
            if trial is None:
                self._beat(free=1, ring=self._asked == 0)
        except RedisError as error:
            log.warning("Redis is out of reach; no trial for agent %s: %s", self._agent.id, error)
            return []
        if trial is not None:
            return [self._run(trial.id, trial.token)]
        if self._asked < len(PAUSES_S):
            raise AskAgain(PAUSES_S[self._asked])
        return []

    def _take(self) -> TrialRecord | None:
        """Takes a job out of the queue, claims its attempt and starts it."""
        while (job := self._queue.take(self._sweep.id)) is not None:
            if self._live.claim(*job, self._agent.id) is not Claim.OK:
                continue
            try:
                started = self._store.start_attempt(
                    *job, agent_id=self._agent.id, host=self._agent.host, device=""
                )
            except (Fenced, NotFoundError) as error:
                log.info("%s is not started: %s", job[0], error)
                self._live.finish(*job)
                continue
            self._beat(free=0, running=[started.id])
            # Until now it counted as waiting: another free slot may get a trial.
            self._found.loop.wake()
            return started
        return None

    def _run(self, trial_id: str, token: int) -> Command:
        self._found.notes.of(trial_id, token).answered = time.monotonic()
        config = self._store.get_trial(trial_id).config
        return {
            "type": "run",
            "run_id": run_name(trial_id, token),
            "program": record.spec_of(self._sweep).program,
            "args": {name: {"value": value} for name, value in config.items()},
        }

    # -- its pulse ----------------------------------------------------------------------------

    def _beat(self, *, free: int, ring: bool = False, running: Collection[str] = ()) -> None:
        trials = sorted({named[0] for name in self._listed if (named := attempt_of(name))})
        info = {
            "host": self._agent.host,
            "slots": 1,
            "running": [*trials, *running],
            "client": "wandb",
        }
        beat = AgentBeat(self._agent.id, self._sweep.id, free, info)
        try:
            self._live.beat(beat, ring=ring)
        except RedisError:
            if free:
                raise

    def _leave(self) -> None:
        with contextlib.suppress(RedisError):  # it expires
            self._live.leave(self._agent.id)


RESOLVERS: dict[str, Callable[..., Any]] = {
    "Mutation.createAgent": create_agent,
    "Mutation.agentHeartbeat": heartbeat,
}
