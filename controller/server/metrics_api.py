"""GET /metrics: the server's figures as Prometheus reads them (text format 0.0.4).

Names and units follow Prometheus's conventions. Nothing here has a label whose values grow without
end: sweeps and users are no labels. Neighbours: figures.py, traffic.py; docs/server.md shows how
Prometheus is told the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller.server.figures import Figures
from controller.server.services import Services, services
from controller.server.traffic import Kind
from controller.server.wire import Handler

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LASTING = "events"  # a stream takes as long as its page is open: no latency
_Sample = tuple[Mapping[str, str], float]


async def metrics(request: Request) -> Response:
    """GET /metrics."""
    found = services(request)
    figures = await found.figures.read()
    lines = [line for family in _families(found, figures) for line in family]
    return Response("\n".join(lines) + "\n", headers={"Content-Type": MEDIA_TYPE})


def _families(found: Services, figures: Figures) -> Iterator[Iterable[str]]:
    census, process, taken = figures.census, figures.process, found.store.taken
    yield _one("opensweep_info", "gauge", "The server.", 1, version=found.version)
    yield _by("opensweep_sweeps", "Sweeps on record.", "state", census.sweeps)
    yield _one("opensweep_sweeps_stuck", "gauge", "Sweeps whose search fails.", census.stuck)
    yield _by("opensweep_trials", "Trials on record.", "state", census.trials)
    yield _one("opensweep_runs", "gauge", "Runs on record, those of trials too.", census.runs)
    yield _one("opensweep_agents", "gauge", "Agents that live.", len(figures.agents))
    yield _by("opensweep_slots", "Slots of the agents that live.", "use", _slots(figures))
    waiting = sum(figures.queues.values())
    yield _one("opensweep_queue_length", "gauge", "Attempts that wait in the queues.", waiting)
    leases = sum(figures.leases.values())
    yield _one("opensweep_leases", "gauge", "Attempts that an agent holds.", leases)
    quarantined = sum(bool(agent.info.get("quarantined")) for agent in figures.agents)
    yield _one("opensweep_agents_quarantined", "gauge", "Agents that rest.", quarantined)
    for name, help_text, counter in (
        ("chunks", "Chunks of what runs logged, taken in.", taken.chunks),
        ("rows", "Rows of metrics, taken in.", taken.rows),
        ("chunk_bytes", "Bytes of chunks, taken in.", taken.bytes),
    ):
        yield _one(f"opensweep_{name}_total", "counter", help_text, counter.total)
    yield _requests(found.traffic.kinds)
    yield _latencies(found.traffic.kinds)
    pages = found.events.listeners
    yield _one("opensweep_event_streams", "gauge", "Pages that follow changes.", pages)
    size = census.database_bytes
    yield _one("opensweep_database_size_bytes", "gauge", "Of the database.", size)
    stored = census.blob_bytes
    yield _one("opensweep_files_size_bytes", "gauge", "Of files and artifacts.", stored)
    up = int(figures.broker.reachable)
    yield _one("opensweep_broker_up", "gauge", "Whether Redis or Valkey answers.", up)
    if figures.broker.memory is not None:
        memory = figures.broker.memory
        yield _one("opensweep_broker_memory_bytes", "gauge", "That it takes.", memory)
    yield _one("process_cpu_seconds_total", "counter", "Processor time.", process.cpu_s)
    yield _one("process_resident_memory_bytes", "gauge", "Resident memory.", process.memory)
    yield _one("process_virtual_memory_bytes", "gauge", "Virtual memory.", process.virtual)
    yield _one("process_open_fds", "gauge", "Open files.", process.files)
    if process.most_files is not None:
        yield _one("process_max_fds", "gauge", "Most open files.", process.most_files)
    yield _one("process_start_time_seconds", "gauge", "Since the epoch.", found.started)


def _slots(figures: Figures) -> dict[str, int]:
    slots = sum(_whole(agent.info.get("slots")) for agent in figures.agents)
    free = sum(agent.free for agent in figures.agents)
    return {"busy": max(slots - free, 0), "free": free}


def _whole(value: Any) -> int:
    """What an agent says of itself may be anything."""
    return value if isinstance(value, int) and 0 <= value < 1_000_000 else 0


def _requests(kinds: Mapping[str, Kind]) -> Iterator[str]:
    samples = [
        ({"kind": name, "code": f"{hundred}xx"}, count)
        for name, kind in sorted(kinds.items())
        for hundred, count in sorted(kind.statuses.items())
    ]
    return _family("opensweep_http_requests_total", "counter", "Requests answered.", samples)


def _latencies(kinds: Mapping[str, Kind]) -> Iterator[str]:
    name = "opensweep_http_request_duration_seconds"
    yield from _head(name, "histogram", "How long requests took.")
    for kind, seen in sorted(kinds.items()):
        if kind == _LASTING:
            continue
        count = 0
        for bound, count in seen.cumulative():
            limit = "+Inf" if bound == float("inf") else f"{bound:g}"
            yield _line(f"{name}_bucket", {"kind": kind, "le": limit}, count)
        yield _line(f"{name}_sum", {"kind": kind}, seen.seconds)
        yield _line(f"{name}_count", {"kind": kind}, count)


def _one(name: str, kind: str, help_text: str, value: float, **labels: str) -> Iterator[str]:
    return _family(name, kind, help_text, [(labels, value)])


def _by(name: str, help_text: str, label: str, values: Mapping[str, int]) -> Iterator[str]:
    samples = [({label: each}, count) for each, count in values.items()]
    return _family(name, "gauge", help_text, samples)


def _family(name: str, kind: str, help_text: str, samples: Sequence[_Sample]) -> Iterator[str]:
    yield from _head(name, kind, help_text)
    for labels, value in samples:
        yield _line(name, labels, value)


def _head(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {value!r}" if told else f"{name} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


ROUTES: tuple[tuple[str, str, Handler], ...] = (("GET", "/metrics", metrics),)
