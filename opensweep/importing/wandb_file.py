"""W&B's run folders: `wandb/run-…` and `wandb/offline-run-…`, each with one `run-<id>.wandb`.

The file is a log in LevelDB's framing (blocks of 32 KiB; a record may go over several) of protocol
buffers, one `Record` each (wandb/proto/wandb_internal.proto, as of 0.31). A run that was killed
ends in the middle: what is whole is taken. Checksums are not looked at.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from logging_core.records import (
    AlertRaised,
    ConfigUpdate,
    Finished,
    History,
    MetadataUpdate,
    MetricDefined,
    SummaryUpdate,
)
from logging_core.values import flatten
from opensweep.importing import protobuf as pb
from opensweep.importing.found import FileFound, FoundRun, Item, LeftOut, Printed, SystemRow
from sweeps.errors import ImportFailed

MAGIC = b":W&B\xe1\xbe\x00"
_BLOCK = 32768
_HEAD = struct.Struct("<IHB")  # checksum, length, kind
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4

# Fields of `Record`.
_HISTORY, _SUMMARY, _CONFIG, _STATS, _ARTIFACT, _ALERT = 2, 3, 5, 7, 8, 10
_METRIC, _OUTPUT, _RUN, _EXIT, _ENVIRONMENT = 12, 13, 17, 18, 26
_MADE_BY_WANDB = ("job", "run_table", "wandb-history", "wandb-run", "code")  # types of artifacts
_SUMMARY_KINDS = ("min", "max", "mean", "best", "last", "none", "copy", "first")


def find(path: Path) -> list[FoundRun]:
    """The runs at `path`: a .wandb file, a run's folder, or any folder above them."""
    if path.is_file():
        files = [path]
    else:
        files = sorted(each for each in path.rglob("run-*.wandb") if not _is_link(each, path))
    return [_found(file) for file in files]


def _is_link(file: Path, top: Path) -> bool:
    """`latest-run` leads to a run that is found without it."""
    return any(part.is_symlink() for part in file.parents if part != top and top in part.parents)


def _found(file: Path) -> FoundRun:
    run: pb.Message = {}
    for record in _records(file):
        if _RUN in record:
            run = pb.one(record, _RUN)
            break
    return FoundRun(
        source=str(file.resolve()),
        id=pb.text(run, 1) or file.stem.removeprefix("run-"),
        project=pb.text(run, 3),
        name=pb.text(run, 8),
        items=lambda: _items(file),
        metadata={"started": pb.seconds(run, 17) or file.stat().st_mtime},
    )


def _items(file: Path) -> Iterator[Item]:
    alerts = artifacts = 0
    ended = started = file.stat().st_mtime
    for record in _records(file):
        if _HISTORY in record:
            row = _history(pb.one(record, _HISTORY))
            ended = row.time or ended
            yield row
        elif _STATS in record:
            stats = pb.one(record, _STATS)
            time = pb.seconds(stats, 2) or ended
            found = _pairs(pb.messages(stats, 3))
            yield SystemRow(time, {f"system.{name}": value for name, value in found})
        elif _OUTPUT in record:
            yield Printed(pb.raw(pb.one(record, _OUTPUT), 3))
        elif _SUMMARY in record:
            # What W&B computed from the history comes out of the history again; the rest is what
            # the script set.
            yield from _summary(pb.one(record, _SUMMARY))
        elif _CONFIG in record:
            yield from _config(pb.one(record, _CONFIG))
        elif _RUN in record:
            run = pb.one(record, _RUN)
            started = pb.seconds(run, 17) or started
            yield MetadataUpdate(_about(run))
            yield from _config(pb.one(run, 4))
        elif _METRIC in record:
            yield _metric(pb.one(record, _METRIC))
        elif _ENVIRONMENT in record:
            if said := _machine(pb.one(record, _ENVIRONMENT)):
                yield MetadataUpdate(said)
        elif _ALERT in record:
            alert = pb.one(record, _ALERT)
            title, text = pb.text(alert, 1), pb.text(alert, 2)
            level = pb.text(alert, 3) or "INFO"
            yield AlertRaised(alerts, ended, level, pb.whole(alert, 4) / 1000, title, text)
            alerts += 1
        elif _ARTIFACT in record:
            artifacts += pb.text(pb.one(record, _ARTIFACT), 4) not in _MADE_BY_WANDB
        elif _EXIT in record:
            end = pb.one(record, _EXIT)
            yield Finished(pb.whole(end, 1), started + pb.whole(end, 2))
    if artifacts:
        them = "1 artifact is" if artifacts == 1 else f"{artifacts} artifacts are"
        yield LeftOut(f"{them} not brought over: log what is still needed anew")
    yield from _files(file.parent / "files")


def _files(folder: Path) -> Iterator[Item]:
    """The run's files. What wandb.save() was given is a link to where the script has it."""
    broken = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        if path.is_file():
            if inside != "output.log":
                yield FileFound(inside, path)
        elif path.is_symlink() and not path.is_dir():
            broken.append(inside)
    if broken:
        shown = ", ".join(broken[:3]) + (", …" if len(broken) > 3 else "")
        yield LeftOut(f"saved files that are no longer where the script had them: {shown}")


def _history(history: pb.Message) -> History:
    row = dict(_nested(pb.messages(history, 1)))
    step = row.pop("_step", None)
    time = row.pop("_timestamp", 0.0)
    row.pop("_runtime", None)
    if type(step) is not int:
        step = pb.whole(pb.one(history, 2), 1)
    return History(step, float(time) if isinstance(time, int | float) else 0.0, row)


def _summary(summary: pb.Message) -> Iterator[SummaryUpdate]:
    said = [item for item in pb.messages(summary, 1) if 1 in item and 2 not in item]
    values = {name: value for name, value in _pairs(said) if not name.startswith("_")}
    removed = [pb.text(item, 1) for item in pb.messages(summary, 2) if 1 in item]
    if values or removed:
        yield SummaryUpdate(flatten(values), removed)


def _config(config: pb.Message) -> Iterator[ConfigUpdate]:
    values = dict(_nested(pb.messages(config, 1)))
    values.pop("_wandb", None)
    if values:
        yield ConfigUpdate(values)


def _about(run: pb.Message) -> dict[str, Any]:
    said = {
        "entity": pb.text(run, 2),
        "project": pb.text(run, 3),
        "group": pb.text(run, 6),
        "job_type": pb.text(run, 7),
        "name": pb.text(run, 8),
        "notes": pb.text(run, 9),
        "tags": pb.texts(run, 10),
        "sweep_id": pb.text(run, 12),
        "host": pb.text(run, 13),
        "started": pb.seconds(run, 17),
    }
    return {name: value for name, value in said.items() if value}


def _machine(environment: pb.Message) -> dict[str, Any]:
    git = pb.one(environment, 9)
    said = {
        "os": pb.text(environment, 1),
        "python": pb.text(environment, 2).removeprefix("CPython "),
        "args": pb.texts(environment, 5),
        "program": pb.text(environment, 6),
        "host": pb.text(environment, 12),
        "executable": pb.text(environment, 14),
        "gpu": pb.text(environment, 18),
        "git": {"remote": pb.text(git, 1), "commit": pb.text(git, 2)} if git else None,
    }
    return {name: value for name, value in said.items() if value}


def _metric(metric: pb.Message) -> MetricDefined:
    kinds = pb.one(metric, 7)
    options = pb.one(metric, 6)
    return MetricDefined(
        name=pb.text(metric, 1) or pb.text(metric, 2),
        step_metric=pb.text(metric, 4) or None,
        step_sync=bool(pb.whole(options, 1)),
        hidden=bool(pb.whole(options, 2)),
        summary=[kind for at, kind in enumerate(_SUMMARY_KINDS, 1) if pb.whole(kinds, at)],
        goal={1: "minimize", 2: "maximize"}.get(pb.whole(metric, 8)),
    )


def _pairs(items: list[pb.Message]) -> Iterator[tuple[str, Any]]:
    """(key, value) of items {key=1, value_json=16}."""
    for item in items:
        yield pb.text(item, 1), _json(pb.raw(item, 16))


def _nested(items: list[pb.Message]) -> dict[str, Any]:
    """Items {key=1, nested_key=2, a value} as one nested dict."""
    found: dict[str, Any] = {}
    for item in items:
        path = pb.texts(item, 2) or [pb.text(item, 1)]
        place = found
        for part in path[:-1]:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = inner
        place[path[-1]] = _value(item)
    return found


def _value(item: pb.Message) -> Any:
    """An item's value: newer clients write numbers as such, older ones all as JSON."""
    if 16 in item:
        return _json(pb.raw(item, 16))
    if 4 in item:
        return bool(pb.whole(item, 4))
    if 5 in item:
        encoded = item[5][-1]  # a zigzag number: the sign is its lowest bit
        return (encoded >> 1) ^ -(encoded & 1) if isinstance(encoded, int) else None
    if 6 in item:
        return pb.double(item, 6)
    if 7 in item:
        return pb.text(item, 7)
    return _json(pb.raw(item, 8)) if 8 in item else None


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")


def _records(file: Path) -> Iterator[pb.Message]:
    """The whole records of a .wandb file, up to where it is torn."""
    with open(file, "rb") as source:
        if source.read(len(MAGIC)) != MAGIC:
            raise ImportFailed(f"{file} is no run file of W&B's, or of a version not known here")
        position, parts = len(MAGIC), bytearray()
        while True:
            left = _BLOCK - position % _BLOCK
            if left < _HEAD.size:  # too short for a head: filled with zeros
                source.read(left)
                position += left
                continue
            head = source.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            _, length, kind = _HEAD.unpack(head)
            data = source.read(length)
            position += _HEAD.size + len(data)
            if len(data) < length or kind not in (_WHOLE, _FIRST, _MIDDLE, _LAST):
                return
            if kind in (_WHOLE, _FIRST):
                parts.clear()
            parts += data
            if kind in (_WHOLE, _LAST):
                try:
                    yield pb.parse(bytes(parts))
                except ImportFailed:
                    return
