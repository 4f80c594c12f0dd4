"""What has changed since the last look, of whatever somebody shows: topics and their versions.

A **topic** is `run/<id>`, `sweep/<id>`, `project/<whole name>`, `sweeps`, `projects` or `server`;
its version is an opaque text. `Changes` looks into the database and into Redis when it is told to,
for many topics at once, and only where there was a commit at all; so it costs next to nothing while
nothing happens, and it is right however many servers write to one database. It blocks, and has no
thread of its own. Neighbours: controller/store/marks.py (the database's part),
controller/server/events.py (who looks, and tells browsers).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack

from redis.exceptions import RedisError

from controller.store.marks import Mark, mark
from controller.store.store import Store
from sweeps.errors import UsageError
from sweeps.protocol.live import AgentBeat, Live

AGENTS_S = 1.0
"""Seconds between two looks at the agents, who beat every three."""
AWAY_S = 10.0
"""The same where Redis does not answer: each look may take as long as its connection's patience."""
SILENCE_S = 5.0
"""Seconds between two looks for runs that fell silent: that is no commit."""
COUNT_S = 3.0
"""Seconds between two counts of what is too dear to count each time."""
KINDS = ("run", "sweep", "project")
LISTS = ("sweeps", "projects", "server")


def check_topic(topic: str) -> str:
    """The topic. Raises UsageError for one that is none."""
    kind, _, name = topic.partition("/")
    if topic in LISTS or (kind in KINDS and name and len(name) <= 600 and "\0" not in name):
        return topic
    known = ", ".join((*(f"{kind}/…" for kind in KINDS), *LISTS))
    raise UsageError(f"topic: {topic[:100]!r} is none: expected one of {known}")


class Changes:
    """See the module. For one thread at a time."""

    def __init__(
        self, store: Store, live: Live, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._live = live
        self._clock = clock
        self._marks: dict[str, Mark] = {}
        self._counts: dict[str, str] = {}
        self._agents: dict[str, str] = {}  # by sweep; "": of all
        self._read: Callable[[], str] | None = None
        self._open = ExitStack()
        self._pulse: str | None = None
        self._due = {"agents": 0.0, "silence": 0.0, "counts": 0.0}

    def close(self) -> None:
        """Lets go of everything; the next look begins anew."""
        self._open.close()
        self._read = self._pulse = None
        self._marks, self._counts, self._agents = {}, {}, {}
        self._due = dict.fromkeys(self._due, 0.0)

    def look(self, topics: Collection[str]) -> dict[str, Mark]:
        """The version of each topic now, and for how long it has surely been that.

        Raises StoreError; what was known is forgotten then.
        """
        try:
            return self._look(set(topics))
        except BaseException:
            self.close()
            raise

    def _look(self, topics: set[str]) -> dict[str, Mark]:
        self._marks = {name: known for name, known in self._marks.items() if name in topics}
        pulse = self._beat()  # before the marks: what comes in between is seen next time
        self._count(topics)
        wanted = topics if pulse != self._pulse else topics - self._marks.keys()
        if self._is_due("silence", SILENCE_S):
            wanted = wanted | {topic for topic in topics if topic.startswith("run/")}
        self._marks |= self._asked(wanted)
        self._pulse = pulse
        if any(topic.startswith(("sweep", "server")) for topic in topics):
            self._look_at_agents()
        return {topic: self._whole(topic) for topic in topics}

    def _look_at_agents(self) -> None:
        """A Redis that is away is news, and keeps no other news from anybody."""
        if not self._is_due("agents", AGENTS_S):
            return
        try:
            self._agents = _by_sweep(self._live.agents())
        except RedisError:
            self._agents = {"": "away"}
            self._due["agents"] = self._clock() + AWAY_S

    def _beat(self) -> str:
        if self._read is None:
            self._read = self._open.enter_context(self._store.pulse())
        return self._read()

    def _is_due(self, what: str, after_s: float) -> bool:
        now = self._clock()
        if now < self._due[what]:
            return False
        self._due[what] = now + after_s
        return True

    def _asked(self, topics: set[str]) -> dict[str, Mark]:
        """What the database says of these."""
        found: dict[str, Mark] = {}
        for kind, ask in (
            ("run", self._store.run_marks),
            ("sweep", self._store.sweep_marks),
            ("project", self._store.project_marks),
        ):
            if names := _named(topics, kind):
                found |= {f"{kind}/{name}": each for name, each in ask(names).items()}
        if topics & {"sweeps", "server"}:
            found["sweeps"] = found["server"] = Mark(self._store.sweeps_mark())
        if "projects" in topics:
            found["projects"] = Mark("")
        return found

    def _count(self, topics: set[str]) -> None:
        """What is dear: seldom, and once for a topic that is new."""
        if self._is_due("counts", COUNT_S):
            self._counts = {}
        lacking = {topic for topic in topics if topic not in self._counts}
        if names := _named(lacking, "project"):
            sizes = self._store.project_sizes(names)
            self._counts |= {f"project/{name}": size for name, size in sizes.items()}
        if "projects" in lacking:
            self._counts["projects"] = self._store.projects_mark()
        if "server" in lacking:
            self._counts["server"] = self._store.keys_mark()

    def _whole(self, topic: str) -> Mark:
        known, count = self._marks[topic], self._counts.get(topic, "")
        agents = ""
        if topic in ("sweeps", "server"):
            agents = self._agents.get("", "")
        elif topic.startswith("sweep/"):
            agents = self._agents.get(topic.partition("/")[2], "")
        if not count and not agents:
            return known
        return Mark(mark(known.text, count, agents), 0.0 if agents else known.quiet_s)


def _named(topics: Iterable[str], kind: str) -> list[str]:
    """The names behind the topics of a kind."""
    start = kind + "/"
    return sorted(topic.removeprefix(start) for topic in topics if topic.startswith(start))


def _by_sweep(agents: Iterable[AgentBeat]) -> dict[str, str]:
    """A mark of the agents of each sweep that has any, and under "" of all."""
    said: dict[str, list[str]] = {}
    for agent in agents:
        text = json.dumps([agent.agent_id, agent.free, agent.info], sort_keys=True, default=str)
        for place in ("", agent.sweep_id):
            said.setdefault(place, []).append(text)
    return {place: mark(sorted(texts)) for place, texts in said.items()}
