"""Where an artifact comes from and what became of it: runs and artifacts that lead to each other.

From one node the graph is followed backwards (who logged it, of what) and forwards (who used it,
what that made), nearest first, until there are enough. What a node has besides is counted and not
shown.
Neighbours: store/artifact_lists.py (the facts), server/lineage_api.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.store.artifact_records import ArtifactRecord
from controller.store.store import Store

MOST_NODES = 200
_MOST_BESIDE = 40  # neighbours of one node in one direction

Name = tuple[str, str]
"""("run" or "artifact", id)."""


@dataclass
class Lineage:
    """Nodes by name, nearest first; edges in the direction in which data went.

    Attributes:
        hidden: how many neighbours of a node are not among the nodes.
    """

    start: Name
    nodes: dict[Name, Any] = field(default_factory=dict)
    edges: dict[tuple[Name, Name], None] = field(default_factory=dict)
    hidden: dict[Name, int] = field(default_factory=dict)


def trace(store: Store, start: Name, most: int = MOST_NODES) -> Lineage:
    """The lineage of a run or an artifact. Raises NotFoundError."""
    found = Lineage(start)
    known: dict[str, ArtifactRecord] = {}
    if start[0] == "run":
        store.get_run(start[1])
    else:
        known[start[1]] = store.get_artifact(start[1])
    found.nodes[start] = None
    waiting = deque([(start, False), (start, True)])
    while waiting:
        name, forwards = waiting.popleft()
        beside = _beside(store, name, known, forwards=forwards)
        for other in beside[:_MOST_BESIDE]:
            if other not in found.nodes:
                if len(found.nodes) >= most:
                    found.hidden[name] = found.hidden.get(name, 0) + 1
                    continue
                found.nodes[other] = None
                waiting.append((other, forwards))
            found.edges[(name, other) if forwards else (other, name)] = None
        if len(beside) > _MOST_BESIDE:
            left_out = sum(other not in found.nodes for other in beside[_MOST_BESIDE:])
            found.hidden[name] = found.hidden.get(name, 0) + left_out
    _describe(store, found, known)
    return found


def _beside(
    store: Store, name: Name, known: dict[str, ArtifactRecord], *, forwards: bool
) -> Sequence[Name]:
    kind, node = name
    if kind == "run":
        listed = store.artifacts_of_run(node, used=not forwards)
        known.update({one.id: one for one in listed})
        return [("artifact", one.id) for one in listed]
    if forwards:
        return [("run", run_id) for run_id in store.users_of_artifact(node)]
    return [("run", run_id) for run_id in store.loggers_of_artifact(node)]


def _describe(store: Store, found: Lineage, known: dict[str, ArtifactRecord]) -> None:
    runs = {run.id: run for run in store.get_runs([n for k, n in found.nodes if k == "run"])}
    for name in list(found.nodes):
        node = runs.get(name[1]) if name[0] == "run" else known.get(name[1])
        if node is None:  # removed since
            del found.nodes[name]
        else:
            found.nodes[name] = node
    for edge in list(found.edges):
        if edge[0] not in found.nodes or edge[1] not in found.nodes:
            del found.edges[edge]
