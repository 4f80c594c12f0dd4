"""What Redis (or Valkey) carries while trials run: leases, orders, free slots, the queue's names.

Redis holds only what is live; the database is the truth, and the controller can project all of
this anew from it. What is read here may be anybody's who has the password: what makes no sense
counts as not there. Every decision that two machines could race for is one Lua script (in lua/,
each headed by the keys that it touches), and all leases run on the clock of the Redis server.

Keys: `sweep:attempt:<trial>` (hash), `sweep:leases` and `sweep:agents` (zsets by expiry),
`sweep:agent:<agent>` (hash), `sweep:state:<sweep>` (string), `sweep:trouble:<sweep>` (string: why
it gets no new trials; gone while all is well), `sweep:doorbell` (list),
`sweep:epoch` (string: gone when Redis was wiped), `sweep:heard` (string: when somebody spoke last;
leases stand still while nobody can), `sweep:wake:<agent>` (channel).
RQ's own keys begin with `rq:`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from typing import Any

import redis

from sweeps.errors import Fenced

LEASE_S = 12.0
"""Seconds that an attempt or an agent is believed to live without a word from it. A tick of the
controller more, and what died is noticed: within 15 s, even where the last word of one whose
connection was cut one way arrives some seconds after the cut."""
BEAT_S = 3.0
"""Seconds between two words."""
WANDB_LEASE_S = 90.0
"""The lease of an attempt that an agent of W&B's runs: such an agent speaks every five seconds at
best, not at all while it waits for its children, and up to a minute late after an outage; its
scripts speak every half minute."""
WANDB_AGENT_S = 30.0
"""For so long after its last word an agent of W&B's counts as there."""
_WANDB = "wandb-"

_MOST_FREE = 10_000
"""More slots than any agent has."""

_SHARED = {
    "sweep:leases": "zset",
    "sweep:agents": "zset",
    "sweep:doorbell": "list",
    "sweep:epoch": "string",
    "sweep:heard": "string",
}
"""The keys that all agents and sweeps share, and what each must hold."""

TRIAL_FUNCTION = "opensweep.trial"
"""The only function name that a queued job may carry."""


class Claim(StrEnum):
    """What became of a claim or a renewal."""

    OK = "ok"
    FENCED = "fenced"  # somebody else's now: kill it, record nothing
    UNKNOWN = "unknown"  # this Redis has forgotten it: carry on, it will be projected anew


class Order(StrEnum):
    """What the controller wants of a running attempt."""

    NONE = ""
    STOP = "stop"  # TERM, grace, KILL; the trial counts as stopped, values kept
    CANCEL = "cancel"  # the same ladder; the trial counts as canceled


@dataclass(frozen=True)
class Renewal:
    """The answer to a heartbeat for one attempt."""

    status: Claim
    order: Order = Order.NONE
    why: str = ""


@dataclass(frozen=True)
class Expired:
    """An attempt whose lease ran out."""

    trial_id: str
    token: int
    agent_id: str


@dataclass(frozen=True)
class AgentBeat:
    """What an agent says of itself.

    Attributes:
        agent_id: unique for each start of `sweep agent`.
        sweep_id: the sweep that it works for.
        free: slots that wait for a trial.
        info: host, pid, slots, devices, running trial ids, quarantine: for people to read.
    """

    agent_id: str
    sweep_id: str
    free: int
    info: Mapping[str, Any] = field(default_factory=dict)


def queue_name(sweep_id: str) -> str:
    """The RQ queue of a sweep: one queue a worker, or RQ loses jobs on a crash."""
    return f"sweep-{sweep_id}"


def job_id(trial_id: str, token: int) -> str:
    """The RQ job of an attempt: one attempt, one job, so that `unique=True` means what it says.

    RQ refuses any character in a job id but letters, digits, "_" and "-".
    """
    return f"{trial_id}_{token}"


def parse_job_id(job: str) -> tuple[str, int]:
    """(trial id, token) of an RQ job id. Raises ValueError on anything else."""
    trial_id, separator, token = job.rpartition("_")
    if not (trial_id and separator and token.isdigit()):
        raise ValueError(f"{job!r} is no job id of ours: expected <trial>_<token>")
    return trial_id, int(token)


def wandb_agent_id(host: str, key: str) -> str:
    """The id, among all agents, of a W&B agent on `host`; `key` is unique."""
    return f"{_WANDB}{host[:40]}-{key}"


def is_wandb_agent(agent_id: str | None) -> bool:
    """Whether an agent is W&B's own, and not ours."""
    return agent_id is not None and agent_id.startswith(_WANDB)


def wake_channel(agent_id: str) -> str:
    """The channel on which the controller says: look at your orders now."""
    return f"sweep:wake:{agent_id}"


class Live:
    """The live state in one Redis. Thread-safe, as its connection is.

    Every method raises `redis.exceptions.RedisError` when Redis is out of reach; callers retry.

    Args:
        lease_s: how long the lease of an agent of ours, or of its attempts, is good.
    """

    def __init__(self, connection: redis.Redis, lease_s: float = LEASE_S) -> None:
        self.connection = connection
        self._lease_ms = int(lease_s * 1000)
        heard = _lua("heard")
        self._scripts = {
            **{
                name: connection.register_script(_lua(name))
                for name in ("claim", "finish", "project", "order")
            },
            **{
                name: connection.register_script(heard + _lua(name))
                for name in ("renew", "expired", "beat")
            },
        }

    def _lease(self, agent_id: str) -> int:
        """How long a lease of this agent's is good, in milliseconds."""
        return int(WANDB_LEASE_S * 1000) if is_wandb_agent(agent_id) else self._lease_ms

    def _run(self, name: str, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        return self._scripts[name](keys=list(keys), args=list(args))

    # -- the agent's side ---------------------------------------------------------------------

    def claim(self, trial_id: str, token: int, agent_id: str) -> Claim:
        """Takes a queued attempt for `agent_id`; of all that try, one gets OK."""
        keys = [f"sweep:attempt:{trial_id}", "sweep:leases", f"sweep:agent:{agent_id}"]
        args = (trial_id, token, agent_id, self._lease(agent_id))
        return Claim(_text(self._run("claim", keys, args)))

    def renew(self, trial_id: str, token: int, agent_id: str) -> Renewal:
        """Prolongs the lease of a running attempt and reads its orders."""
        keys = [f"sweep:attempt:{trial_id}", "sweep:leases"]
        args = (trial_id, token, agent_id, self._lease(agent_id))
        status, order, why = self._run("renew", keys, args)
        ordered = _text(order)
        known = Order(ordered) if ordered in list(Order) else Order.NONE
        return Renewal(Claim(_text(status)), known, _text(why))

    def finish(self, trial_id: str, token: int) -> bool:
        """Forgets an attempt whose end is recorded. False: another token owns the trial."""
        return bool(
            self._run("finish", [f"sweep:attempt:{trial_id}", "sweep:leases"], [trial_id, token])
        )

    def beat(self, beat: AgentBeat, *, ring: bool = False) -> str | None:
        """Says that an agent lives; `ring` wakes the controller (a slot became free).

        Returns the sweep's state as the controller last projected it; None when this Redis does
        not know the sweep (wiped, or another's).
        """
        keys = [f"sweep:agent:{beat.agent_id}", "sweep:agents", "sweep:doorbell"]
        info = json.dumps(dict(beat.info))
        wandb = is_wandb_agent(beat.agent_id)
        lease = int(WANDB_AGENT_S * 1000) if wandb else self._lease_ms
        args = (beat.agent_id, beat.sweep_id, beat.free, info, lease, int(ring))
        state = self._run("beat", keys, args)
        return None if state is None else _text(state)

    def trouble(self, sweep_id: str) -> str:
        """Why the sweep gets no new trials, as the controller last projected it; "" otherwise."""
        value: Any = self.connection.get(f"sweep:trouble:{sweep_id}")
        return "" if value is None else _text(value)

    def leave(self, agent_id: str) -> None:
        """An agent ends: it has no free slots any more, and the controller may look."""
        with self.connection.pipeline() as pipe:
            pipe.delete(f"sweep:agent:{agent_id}")
            pipe.zrem("sweep:agents", agent_id)
            pipe.execute()
        self.ring()

    # -- the controller's side ----------------------------------------------------------------

    def project(
        self,
        trial_id: str,
        token: int,
        sweep_id: str,
        *,
        epoch: str,
        state: str = "queued",
        agent_id: str = "",
    ) -> bool:
        """Makes Redis say of an attempt what the database says; an older token is fenced out.

        Returns False when Redis already holds this token (left as it is) or a newer one. Raises
        Fenced when Redis was wiped since `epoch` was set: what the caller knows of it is void.
        """
        keys = [f"sweep:attempt:{trial_id}", "sweep:leases", "sweep:epoch"]
        args = (trial_id, token, state, agent_id, sweep_id, self._lease(agent_id), epoch)
        done = int(self._run("project", keys, args))
        if done < 0:
            raise Fenced("Redis was wiped, or another server has taken it over")
        return bool(done)

    def order(self, trial_id: str, token: int, order: Order, why: str) -> bool:
        """Orders an attempt to stop or cancel, and wakes its agent. False: no such attempt now."""
        agent = self._run("order", [f"sweep:attempt:{trial_id}"], [token, order.value, why])
        if agent is None:
            return False
        if agent:
            self.wake(_text(agent))
        return True

    def wake(self, agent_id: str) -> None:
        self.connection.publish(wake_channel(agent_id), "look")

    def expired(self, limit: int = 100) -> list[Expired]:
        """Attempts whose lease ran out, at most `limit`; listed again until finished/projected."""
        found = []
        raw: list[Any] = self._run("expired", ["sweep:leases"], [limit])
        for trial, token, agent in zip(raw[::3], raw[1::3], raw[2::3], strict=True):
            number = _token(token)
            if number is None:  # not ours
                self._run("finish", [b"sweep:attempt:" + trial, "sweep:leases"], [trial, token])
            else:
                found.append(Expired(_text(trial), number, _text(agent)))
        return found

    def attempt(self, trial_id: str) -> dict[str, str]:
        """What Redis holds of a trial's current attempt; {} when nothing that we would write."""
        try:
            raw: Any = self.connection.hgetall(f"sweep:attempt:{trial_id}")
        except redis.exceptions.ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            return {}
        return {_text(k): _text(v) for k, v in raw.items()}

    def attempts(self, sweep_id: str = "") -> list[tuple[str, int]]:
        """(trial id, token) of each attempt that Redis holds, of one sweep or of all."""
        found = []
        prefix = "sweep:attempt:"
        for key in self.connection.scan_iter(f"{prefix}{sweep_id and sweep_id + '-'}*", count=1000):
            trial_id = _text(key).removeprefix(prefix)
            token = _token(self.attempt(trial_id).get("token", ""))
            if token is not None:
                found.append((trial_id, token))
        return found

    def agents(self, sweep_id: str | None = None) -> list[AgentBeat]:
        """The agents that live, of one sweep or of all; those that fell silent are forgotten."""
        seconds, micros = self._time()
        now = seconds * 1000 + micros // 1000
        ids: Any = self.connection.zrangebyscore("sweep:agents", now, "+inf")
        self.connection.zremrangebyscore("sweep:agents", "-inf", f"({now}")
        with self.connection.pipeline(transaction=False) as pipe:
            for agent in ids:
                pipe.hgetall(b"sweep:agent:" + agent)
            rows = pipe.execute(raise_on_error=False)
        beats = (_beat(_text(agent), row) for agent, row in zip(ids, rows, strict=True))
        return [beat for beat in beats if beat and sweep_id in (None, beat.sweep_id)]

    def silences(self) -> dict[str, float]:
        """For how many seconds each agent that lives has said nothing."""
        seconds, micros = self._time()
        now = seconds * 1000 + micros // 1000
        known: Any = self.connection.zrangebyscore("sweep:agents", now, "+inf", withscores=True)
        found = {}
        for raw, until in known:
            agent = _text(raw)
            lease = WANDB_AGENT_S * 1000 if is_wandb_agent(agent) else self._lease_ms
            found[agent] = max(now + lease - float(until), 0.0) / 1000
        return found

    def leases(self) -> dict[str, int]:
        """How many attempts are leased, by sweep."""
        found: dict[str, int] = {}
        trials: Any = self.connection.zrange("sweep:leases", 0, -1)
        for raw in trials:
            sweep_id = _text(raw).rpartition("-")[0]
            found[sweep_id] = found.get(sweep_id, 0) + 1
        return found

    def queue_lengths(self, sweep_ids: Sequence[str]) -> dict[str, int]:
        """How many attempts wait in the queue of each of these sweeps."""
        with self.connection.pipeline(transaction=False) as pipe:
            for sweep_id in sweep_ids:
                pipe.llen(f"rq:queue:{queue_name(sweep_id)}")
            lengths = pipe.execute(raise_on_error=False)
        known = zip(sweep_ids, lengths, strict=True)
        return {sweep_id: count for sweep_id, count in known if isinstance(count, int)}

    def set_sweep_state(self, sweep_id: str, state: str, trouble: str = "") -> None:
        """Tells agents what the sweep does, now: they end when it is over. `trouble`: why it gets
        no new trials, though it should."""
        with self.connection.pipeline() as pipe:
            pipe.set(f"sweep:state:{sweep_id}", state)
            if trouble:
                pipe.set(f"sweep:trouble:{sweep_id}", trouble)
            else:
                pipe.delete(f"sweep:trouble:{sweep_id}")
            pipe.execute()
        for agent in self.agents(sweep_id):
            self.wake(agent.agent_id)

    def ring(self) -> None:
        """Wakes the controller."""
        with self.connection.pipeline() as pipe:
            pipe.delete("sweep:doorbell")
            pipe.rpush("sweep:doorbell", "1")
            pipe.execute()

    def wait_for_ring(self, timeout_s: float) -> bool:
        """Blocks until somebody rings, or `timeout_s` (at least 0.01) passes."""
        return self.connection.blpop(["sweep:doorbell"], timeout=max(timeout_s, 0.01)) is not None

    def epoch(self) -> str | None:
        """The mark that the controller left when it projected; None: Redis was wiped since."""
        value: Any = self.connection.get("sweep:epoch")
        return None if value is None else _text(value)

    def set_epoch(self, epoch: str) -> None:
        self.connection.set("sweep:epoch", epoch)

    def mend(self) -> bool:
        """Forgets everything where a key that all share holds what we would not write.

        Whoever has Redis's password may have overwritten it; then Redis counts as wiped, and the
        controller projects what is open anew. True: it was so.
        """
        with self.connection.pipeline(transaction=False) as pipe:
            for key in _SHARED:
                pipe.type(key)
            types = [_text(kind) for kind in pipe.execute()]
        wanted = zip(types, _SHARED.values(), strict=True)
        if all(kind in ("none", right) for kind, right in wanted):
            return False
        for key in self.connection.scan_iter("sweep:*", count=1000):
            self.connection.unlink(key)
        return True

    def _time(self) -> tuple[int, int]:
        now: Any = self.connection.time()
        return int(now[0]), int(now[1])


def _lua(name: str) -> str:
    return resources.files(__package__).joinpath(f"lua/{name}.lua").read_text()


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _token(value: Any) -> int | None:
    """A token as we write it; None for anything else."""
    text = _text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _beat(agent_id: str, raw: Any) -> AgentBeat | None:
    """What an agent said of itself; None when it is nothing that we would say."""
    try:
        row = {_text(name): _text(value) for name, value in raw.items()}
        info = json.loads(row["info"])
        free = int(row["free"])
    except (AttributeError, KeyError, ValueError, RecursionError):
        return None  # an error of Redis has no items
    if not isinstance(info, dict):
        return None
    return AgentBeat(agent_id, row["sweep"], min(max(free, 0), _MOST_FREE), info)
