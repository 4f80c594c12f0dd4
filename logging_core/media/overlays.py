"""What is drawn over an Image: bounding boxes, masks, and the names of their classes.

The names go into the run's config, once, as W&B keeps them: `_wandb` -> "mask/class_labels".
Neighbour: image.py.
"""

from __future__ import annotations

from numbers import Number
from typing import Any, Mapping, Sequence

from logging_core.errors import UsageError
from logging_core.media.base import Media, Value, as_json
from logging_core.media.pixels import png
from logging_core.media.place import Place
from logging_core.media.tensors import as_array
from logging_core.values import plain

_DELIMITER = "_wandb_delimeter_"  # as W&B spells it


class Classes(Value):
    """The classes that boxes and masks speak of: a list of {"id": …, "name": …}."""

    _log_type = "classes"

    def __init__(self, class_set: Sequence[Mapping[str, Any]]) -> None:
        for each in class_set:
            if "id" not in each or "name" not in each:
                raise UsageError(f'a class is {{"id": …, "name": …}}, not {each!r}')
        self._class_set = [dict(each) for each in class_set]

    def _opensweep_log_(self, place: Place) -> dict[str, Any]:  # noqa: ARG002
        return {"_type": self._log_type, "class_set": plain(self._class_set)}


class _Overlay(Media):
    _singleton = ""  # where the config keeps the names of its classes

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = str(key)
        self._class_labels: dict[Any, str] = {}

    def _opensweep_log_(self, place: Place) -> dict[str, Any]:
        told = super()._opensweep_log_(place)
        if self._class_labels:
            key = place.key + _DELIMITER + self._key
            value = {str(number): name for number, name in self._class_labels.items()}
            entry = {"type": self._singleton, "key": key, "value": value}
            place.config({"_wandb": {self._singleton: {key: entry}}})
        return told


class BoundingBoxes2D(_Overlay):
    """Boxes over an image.

    Args:
        val: {"box_data": [box, …], "class_labels": {number: name}}. A box has a "position"
            ({"minX", "maxX", "minY", "maxY"} or {"middle": [x, y], "width", "height"}), as
            fractions of the image or, with "domain": "pixel", in pixels; and may have "class_id",
            "scores" ({name: number}) and "box_caption".
        key: the name of this set of boxes.

    Raises UsageError.
    """

    _log_type = "boxes2D"
    _folder = "media/metadata/boxes2D"
    _singleton = "bounding_box/class_labels"

    def __init__(self, val: Mapping[str, Any], key: str) -> None:
        super().__init__(key)
        boxes = plain(val.get("box_data"))
        if not isinstance(boxes, list):
            raise UsageError(f'boxes[{key!r}] needs "box_data": a list of boxes')
        for number, box in enumerate(boxes):
            _check_box(f'boxes[{key!r}]["box_data"][{number}]', box)
        self._boxes = boxes
        found = sorted({box["class_id"] for box in boxes if "class_id" in box})
        self._class_labels = _labels(val, key, found)
        kept = {"box_data": boxes}
        if "class_labels" in val:
            kept["class_labels"] = plain(val["class_labels"])
        self._set_bytes(as_json(kept), ".boxes2D.json")


def _check_box(where: str, box: Any) -> None:
    position = box.get("position") if isinstance(box, dict) else None
    if not isinstance(position, dict):
        raise UsageError(f'{where} needs a "position"')
    corners = all(isinstance(position.get(side), Number) for side in ("minX", "maxX", "minY"))
    corners = corners and isinstance(position.get("maxY"), Number)
    middle = position.get("middle")
    centre = isinstance(middle, list) and len(middle) == 2
    centre = centre and all(isinstance(position.get(side), Number) for side in ("width", "height"))
    if not corners and not centre:
        raise UsageError(
            f'{where}["position"] is {position!r}: it takes minX, maxX, minY and maxY, or middle '
            "[x, y], width and height, all numbers"
        )
    if not isinstance(box.get("class_id", 0), int):
        raise UsageError(f'{where}["class_id"] is no whole number: {box["class_id"]!r}')
    scores = box.get("scores", {})
    if not isinstance(scores, dict) or not all(isinstance(s, Number) for s in scores.values()):
        raise UsageError(f'{where}["scores"] maps names to numbers, not {scores!r}')


class ImageMask(_Overlay):
    """A class number for each pixel of an image.

    Args:
        val: {"mask_data": array of height x width with numbers 0 to 255, or "path": a picture of
            such pixels; "class_labels": {number: name}}.
        key: the name of this mask.

    Raises UsageError, OSError.
    """

    _log_type = "mask"
    _folder = "media/images/mask"
    _singleton = "mask/class_labels"

    def __init__(self, val: Mapping[str, Any], key: str) -> None:
        super().__init__(key)
        if "path" in val:
            self._set_path(val["path"])
            self._class_labels = _labels(val, key, [])
            return
        if "mask_data" not in val:
            raise UsageError(f'masks[{key!r}] needs "mask_data" (an array) or "path"')
        array = as_array(val["mask_data"], "a mask")
        if array.ndim != 2:
            raise UsageError(f'masks[{key!r}]["mask_data"] has shape {array.shape}, not 2 axes')
        if array.size and (array.min() < 0 or array.max() > 255):
            raise UsageError(f'masks[{key!r}]["mask_data"] must be whole numbers from 0 to 255')
        pixels = array.astype("uint8")
        self._class_labels = _labels(val, key, sorted(set(pixels.ravel().tolist())))
        self._set_bytes(png(pixels[:, :, None]), ".mask.png")


def _labels(val: Mapping[str, Any], key: str, found: Sequence[int]) -> dict[Any, str]:
    labels = val.get("class_labels")
    if labels is None:
        return {number: f"class_{number}" for number in found}
    if not all(isinstance(k, Number) and isinstance(v, str) for k, v in labels.items()):
        raise UsageError(f"class_labels of {key!r} map numbers to names, not {labels!r}")
    return {plain(number): name for number, name in labels.items()}
