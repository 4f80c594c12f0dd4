"""The agents of a sweep, as W&B's public API lists them: W&B's own and ours alike.

Those that live are known by their beats in Redis, all others by the trials that they ran. The
source of the GraphQL type Agent is `ShownAgent`. Neighbours: agents.py (their protocol), runs/.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

from controller.server.status import live_agents
from controller.store.records import SweepRecord
from controller.wandb_api.context import Door, Info, door
from controller.wandb_api.ids import global_id, parse_id
from controller.wandb_api.paging import connection, offset_of, page_size, paged
from controller.wandb_api.sweeps.agents import Agent
from sweeps.errors import NotFoundError, UsageError


class ShownAgent(NamedTuple):
    """One agent.

    Attributes:
        name: its id among all agents.
        host: its machine.
        state: RUNNING, or FINISHED once nothing is heard of it any more.
        total: how many runs it began.
        began: when it began the first; before that, when its sweep was recorded.
        ended: when its last one ended.
    """

    sweep_id: str
    name: str
    host: str
    state: str
    total: int
    began: float
    ended: float | None

    @property
    def global_id(self) -> str:
        return global_id("SweepAgent", self.name)


def _agents(here: Door, sweep: SweepRecord) -> list[ShownAgent]:
    live = {beat.agent_id: beat for beat in live_agents(here.found.live)}
    live = {name: beat for name, beat in live.items() if beat.sweep_id == sweep.id}
    seen = {each.agent_id: each for each in here.store.sweep_agents(sweep.id)}
    found = []
    for name in dict.fromkeys((*seen, *sorted(live))):
        was, beat = seen.get(name), live.get(name)
        host = (was and was.host) or (beat and beat.info.get("host")) or "unknown"
        found.append(
            ShownAgent(
                sweep.id,
                name,
                str(host),
                "FINISHED" if beat is None else "RUNNING",
                0 if was is None else was.attempts,
                sweep.created if was is None or was.began is None else was.began,
                None if was is None else was.ended,
            )
        )
    return found


def agents(
    source: SweepRecord, info: Info, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    return paged(_agents(door(info), source), first, after)


def agent(
    source: SweepRecord, info: Info, agentName: str | None = None, id: str | None = None
) -> ShownAgent | None:
    """By its name, or an id that it was given: clients say either."""
    said = id or agentName or ""
    names = {said}
    with contextlib.suppress(NotFoundError):
        names.add(parse_id(said, "SweepAgent"))
    with contextlib.suppress(NotFoundError):
        names.add(Agent.parse(said).id)
    return next((each for each in _agents(door(info), source) if each.name in names), None)


def runs(
    source: ShownAgent,
    info: Info,
    order: str | None = None,
    first: int | None = None,
    after: str | None = None,
    **_: Any,
) -> dict[str, Any]:
    """The runs of an agent, in the order in which they were suggested, or the other way round."""
    if (order or "+created_at").lstrip("+-") not in ("created_at", "createdAt"):
        raise UsageError("order: an agent's runs are listed by created_at alone")
    store = door(info).store
    ids = store.agent_trials(source.sweep_id, source.name)
    if (order or "").startswith("-"):
        ids.reverse()
    offset = offset_of(after)
    page = store.get_runs(ids[offset : offset + page_size(first)])
    return connection(page, offset, len(ids))


RESOLVERS: dict[str, Callable[..., Any]] = {
    "Sweep.agents": agents,
    "Sweep.agent": agent,
    "Agent.id": lambda source, _: source.global_id,
    "Agent.totalRuns": lambda source, _: source.total,
    "Agent.createdAt": lambda source, _: source.began,
    "Agent.heartbeatAt": lambda source, _: source.ended or source.began,
    "Agent.runs": runs,
}
