"""TensorBoard's event files: scalars, histograms, images, texts, and hyperparameters.

A folder with event files is one run, named by its path, as TensorBoard shows it. A file is a row
of records (u64 length, u32 checksum, bytes, u32 checksum) with one `Event` of protocol buffers
each (tensorflow/core/util/event.proto); it may end in the middle of one. Checksums are not looked
at.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from logging_core.records import ConfigUpdate, Finished
from opensweep.importing import protobuf as pb
from opensweep.importing.found import FileFound, FoundRun, Item, rows_by_step
from sweeps.errors import ImportFailed

_LENGTH = struct.Struct("<Q")
_MAX_RECORD = 1 << 30
_FLOAT, _DOUBLE, _STRING = 1, 2, 7  # of tensorflow.DataType
_WHOLE = {3: "<i", 4: "<B", 5: "<h", 6: "<b", 9: "<q"}
_IMAGES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif", b"RIFF": "webp"}

Point = tuple[str, int, float, Any]


def find(path: Path) -> list[FoundRun]:
    """The runs at or below `path`, one a folder that has event files."""
    top = path if path.is_dir() else path.parent
    files = [path] if path.is_file() else sorted(path.rglob("*tfevents*"))
    folders: dict[Path, list[Path]] = {}
    for file in files:
        if file.is_file():
            folders.setdefault(file.parent, []).append(file)
    return [_found(folder, inside, top) for folder, inside in folders.items()]


def _found(folder: Path, files: list[Path], top: Path) -> FoundRun:
    absolute = folder.resolve()
    name = folder.relative_to(top).as_posix() if folder != top else absolute.name
    files = sorted(files, key=lambda file: (_started(file), file.name))
    return FoundRun(
        source=str(absolute),
        id="tb-" + hashlib.sha256(str(absolute).encode()).hexdigest()[:10],
        project=top.resolve().name,
        name=name,
        items=lambda: _items(files),
        metadata={"started": _started(files[0])},
    )


def _started(file: Path) -> float:
    """The second in which the file was begun: part of its name, events.out.tfevents.<it>.<host>"""
    found = re.search(r"tfevents\.(\d{9,11})", file.name)
    return float(found.group(1)) if found else file.stat().st_mtime


def _items(files: list[Path]) -> Iterator[Item]:
    config: dict[str, Any] = {}
    images: list[FileFound] = []
    yield from rows_by_step(_points(files, config, images))
    if config:
        yield ConfigUpdate(config)
    yield from images
    yield Finished(0, files[-1].stat().st_mtime)


def _points(files: list[Path], config: dict[str, Any], images: list[FileFound]) -> Iterator[Point]:
    plugins: dict[str, str] = {}  # a tag's kind is said with its first value alone
    for file in files:
        for event in _events(file):
            step, time = pb.whole(event, 2), pb.double(event, 1)
            for value in pb.messages(pb.one(event, 5), 1):
                tag = pb.text(value, 1)
                plugin = pb.one(pb.one(value, 9), 1)
                name = plugins.setdefault(tag, pb.text(plugin, 1))
                if name == "hparams":
                    config.update(_hyperparameters(pb.raw(plugin, 2)))
                    continue
                found = _value(value, name, tag, step, images)
                if found is not None:
                    yield tag, step, time, found


def _value(value: pb.Message, plugin: str, tag: str, step: int, images: list[FileFound]) -> Any:
    """A number, a text, or W&B's form of a histogram or an image; None for what is left out."""
    if 2 in value:
        return pb.single(value, 2)
    if 5 in value:
        return _histogram(pb.one(value, 5))
    if 4 in value:
        return _image(pb.raw(pb.one(value, 4), 4), tag, step, images)
    if 8 not in value:
        return None
    tensor = pb.one(value, 8)
    if plugin == "images":
        encoded = [item for item in tensor.get(8, []) if isinstance(item, bytes)]
        return _image(encoded[2], tag, step, images) if len(encoded) > 2 else None
    if pb.whole(tensor, 1) == _STRING:
        return "\n".join(pb.texts(tensor, 8))
    numbers = _numbers(tensor)
    if plugin == "histograms":
        return _histogram_tensor(numbers)
    return numbers[0] if len(numbers) == 1 else None


def _numbers(tensor: pb.Message) -> list[float]:
    kind, content = pb.whole(tensor, 1), pb.raw(tensor, 4)
    if kind == _FLOAT:
        return pb.singles({5: [content]}, 5) if content else pb.singles(tensor, 5)
    if kind == _DOUBLE:
        return pb.doubles({6: [content]}, 6) if content else pb.doubles(tensor, 6)
    code = _WHOLE.get(kind)
    if code and content and len(content) % struct.calcsize(code) == 0:
        return [value for (value,) in struct.iter_unpack(code, content)]
    return []


def _histogram(histogram: pb.Message) -> dict[str, Any] | None:
    """HistogramProto: bucket i reaches from limit i - 1 to limit i."""
    limits, counts = pb.doubles(histogram, 6), pb.doubles(histogram, 7)
    if not counts or len(limits) != len(counts):
        return None
    low, high = pb.double(histogram, 1), pb.double(histogram, 2)
    edges = [low, *(min(limit, high) for limit in limits)]  # the last limit is the largest double
    return {"_type": "histogram", "values": counts, "bins": edges}


def _histogram_tensor(numbers: list[float]) -> dict[str, Any] | None:
    """Rows of (left, right, count)."""
    if not numbers or len(numbers) % 3:
        return None
    edges = [*numbers[0::3], numbers[-2]]
    return {"_type": "histogram", "values": numbers[2::3], "bins": edges}


def _image(data: bytes, tag: str, step: int, images: list[FileFound]) -> dict[str, Any] | None:
    kind = next((kind for magic, kind in _IMAGES.items() if data.startswith(magic)), None)
    if kind is None:
        return None
    digest = hashlib.sha256(data).hexdigest()
    safe = re.sub(r"[^\w.-]", "_", tag)[:100]
    path = f"media/images/{safe}_{step}_{digest[:20]}.{kind}"
    images.append(FileFound(path, data))
    return {
        "_type": "image-file",
        "path": path,
        "sha256": digest,
        "size": len(data),
        "format": kind,
    }


def _hyperparameters(content: bytes) -> dict[str, Any]:
    """Of HParamsPluginData: session_start_info (3) has a map (1) of names to values."""
    start = pb.one(pb.parse(content), 3)
    found: dict[str, Any] = {}
    for entry in pb.messages(start, 1):
        value = pb.one(entry, 2)
        if 2 in value:
            number = pb.double(value, 2)
            found[pb.text(entry, 1)] = int(number) if number.is_integer() else number
        elif 3 in value:
            found[pb.text(entry, 1)] = pb.text(value, 3)
        elif 4 in value:
            found[pb.text(entry, 1)] = bool(pb.whole(value, 4))
    return found


def _events(file: Path) -> Iterator[pb.Message]:
    """The whole events of a file, up to where it is torn."""
    with open(file, "rb") as source:
        first = True
        while len(head := source.read(12)) == 12:
            (length,) = _LENGTH.unpack_from(head)
            data = source.read(length + 4) if length < _MAX_RECORD else b""
            if len(data) < length + 4:
                if first:
                    raise ImportFailed(f"{file} is no event file of TensorBoard's, or an empty one")
                return
            try:
                event = pb.parse(data[:-4])
            except ImportFailed:
                if first:
                    raise ImportFailed(f"{file} is no event file of TensorBoard's") from None
                return
            first = False
            yield event
