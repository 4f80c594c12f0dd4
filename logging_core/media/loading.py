"""Media made again of their JSON and files: what a run or an artifact stored, as objects.

Neighbour: base.py, whose JSON this reads; W&B's own artifacts have the same form.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping

from logging_core.errors import UsageError


def load(told: Any, files: Path) -> Any:
    """The object that was stored as `told` ({"_type": …}), its paths relative to `files`.

    Tables with everything in them, images with boxes and masks. What is no media (or of a type
    that has no class here) comes back as it is. Raises OSError for a missing file.
    """
    if not isinstance(told, Mapping) or "_type" not in told:
        return told
    from logging_core.media import data_types

    kind = str(told["_type"])
    if kind in ("table", "table-file", "incremental-table-file"):
        return _table(told, files)
    if kind == "image-file":
        return _image(told, files)
    if kind == "histogram":
        return data_types.Histogram(np_histogram=(told["values"], told["bins"]))
    if kind == "classes":
        return data_types.Classes(told["class_set"])
    if kind == "html-file":
        return data_types.Html(files / told["path"], inject=False)
    of_paths: dict[str, Any] = {
        "audio-file": data_types.Audio,
        "video-file": data_types.Video,
        "object3D-file": data_types.Object3D,
        "molecule-file": data_types.Molecule,
    }
    if kind in of_paths:
        return of_paths[kind](files / told["path"], caption=told.get("caption"))
    return told


def _table(told: Mapping[str, Any], files: Path) -> Any:
    from logging_core.media.table import Table

    parts = [told]
    if "data" not in told:
        paths = [*told.get("previous_increments_paths", ()), told["path"]]
        parts = [_json(files / path) for path in paths]
    mode = told.get("log_mode") or "IMMUTABLE"
    table = Table(columns=parts[0]["columns"], log_mode=mode)
    for part in parts:
        for row in part["data"]:
            table.add_data(*(load(cell, files) for cell in row))
    return table


def _image(told: Mapping[str, Any], files: Path) -> Any:
    from logging_core.media.image import Image

    boxes: dict[str, Any] = {}
    for name, each in (told.get("boxes") or {}).items():
        # An artifact of W&B's has the boxes themselves there.
        boxes[name] = {"box_data": each} if isinstance(each, list) else _json(files / each["path"])
        labels = boxes[name].get("class_labels")
        if labels:  # JSON has made their numbers text
            boxes[name]["class_labels"] = {int(number): text for number, text in labels.items()}
    masks = {k: {"path": files / each["path"]} for k, each in (told.get("masks") or {}).items()}
    return Image(
        files / told["path"],
        caption=told.get("caption"),
        grouping=told.get("grouping"),
        boxes=boxes,
        masks=masks,
    )


def _json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text("utf-8"))
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds no JSON object")
    return content
