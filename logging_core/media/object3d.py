"""Object3D: a scene of points and boxes, or a file of a 3D model."""

from __future__ import annotations

import itertools
import math
import os
from typing import Any, Mapping, Sequence

from logging_core.errors import UsageError
from logging_core.media.base import BatchableMedia, as_json
from logging_core.media.place import Place
from logging_core.media.tensors import as_array, is_array

_SHAPES = "[x y z], [x y z category] with a category from 1 to 14, or [x y z r g b]"


def box3d(
    *,
    center: Sequence[float],
    size: Sequence[float],
    orientation: Sequence[float],
    color: Sequence[float],
    label: str | None = None,
    score: float | None = None,
) -> dict[str, Any]:
    """A box for Object3D.from_point_cloud, by its center, size (x, y, z) and orientation.

    `orientation` is a quaternion [r, x, y, z], `color` (r, g, b) with values from 0 to 1. Raises
    UsageError.
    """
    middle, sides = [float(x) for x in center], [float(x) for x in size]
    quaternion = [float(x) for x in orientation]
    length = math.sqrt(sum(x * x for x in quaternion))
    if (len(middle), len(sides), len(quaternion)) != (3, 3, 4) or not length:
        raise UsageError("box3d takes center and size of 3 numbers and a quaternion of 4, not 0")
    turn = _rotation(*(x / length for x in quaternion))
    corners = []
    for corner in itertools.product((-0.5, 0.5), repeat=3):
        offset = [sides[axis] * corner[axis] for axis in range(3)]
        moved = (sum(offset[i] * turn[i][axis] for i in range(3)) for axis in range(3))
        corners.append(tuple(middle[axis] + step for axis, step in enumerate(moved)))
    return {"corners": tuple(corners), "color": color, "label": label, "score": score}


def _rotation(r: float, i: float, j: float, k: float) -> list[list[float]]:
    """The matrix that turns a row of x, y, z by this unit quaternion: row @ matrix."""
    return [
        [1 - 2 * (j * j + k * k), 2 * (i * j + k * r), 2 * (i * k - j * r)],
        [2 * (i * j - k * r), 1 - 2 * (i * i + k * k), 2 * (j * k + i * r)],
        [2 * (i * k + j * r), 2 * (j * k - i * r), 1 - 2 * (i * i + j * j)],
    ]


class Object3D(BatchableMedia):
    """A 3D object.

    Args:
        data_or_path: an array of n x 3, n x 4 or n x 6: points [x y z], with a category (1 to 14)
            or a colour [r g b]; a path or an open file of one of SUPPORTED_TYPES; or a scene,
            {"type": "lidar/beta", "points": …, "boxes": …, "vectors": …}.
        caption: shown with it.
        file_type: of an open file that has no name.

    Raises UsageError, OSError.
    """

    SUPPORTED_TYPES = frozenset(["obj", "gltf", "glb", "babylon", "stl", "pts.json"])
    SUPPORTED_POINT_CLOUD_TYPES = frozenset(["lidar/beta"])
    _log_type = "object3D-file"
    _folder = "media/object3D"

    def __init__(
        self, data_or_path: Any, caption: str | None = None, file_type: str | None = None
    ) -> None:
        super().__init__(caption)
        if hasattr(data_or_path, "name") and not isinstance(data_or_path, os.PathLike):
            data_or_path = data_or_path.name
        if isinstance(data_or_path, (str, os.PathLike)):
            path = os.fspath(data_or_path)
            self._set_path(path, self._suffix_of(path))
        elif hasattr(data_or_path, "read"):
            if hasattr(data_or_path, "seek"):
                data_or_path.seek(0)
            read = data_or_path.read()
            content = read.encode("utf-8") if isinstance(read, str) else bytes(read)
            self._set_bytes(content, self._suffix_of(f".{file_type}"))
        elif isinstance(data_or_path, Mapping):
            self._set_bytes(as_json(_scene(data_or_path)), ".pts.json")
        elif is_array(data_or_path):
            points = as_array(data_or_path, "Object3D of an array")
            if points.ndim != 2 or points.shape[1] not in (3, 4, 6):
                raise UsageError(f"Object3D takes rows of {_SHAPES}, not {points.shape}")
            self._set_bytes(as_json(points.tolist()), ".pts.json")
        else:
            raise UsageError(
                f"Object3D takes an array, a path, an open file or a scene, not {data_or_path!r}"
            )

    def _suffix_of(self, name: str) -> str:
        for kind in self.SUPPORTED_TYPES:
            if name.endswith("." + kind):
                return "." + kind
        raise UsageError(
            f"Object3D of {name!r}: it takes files of type "
            f"{', '.join(sorted(self.SUPPORTED_TYPES))} (of an open file: file_type=…)"
        )

    @classmethod
    def from_file(cls, data_or_path: Any, file_type: str | None = None) -> Object3D:
        """Of a path or an open file."""
        return cls(data_or_path, file_type=file_type)

    @classmethod
    def from_numpy(cls, data: Any) -> Object3D:
        """Of an array of points."""
        return cls(data)

    @classmethod
    def from_point_cloud(
        cls,
        points: Any,
        boxes: Sequence[Mapping[str, Any]],
        vectors: Sequence[Mapping[str, Any]] | None = None,
        point_cloud_type: str = "lidar/beta",
    ) -> Object3D:
        """Points with boxes around some of them (see box3d) and arrows ({"start", "end"})."""
        scene = {"type": point_cloud_type, "points": points, "boxes": boxes, "vectors": vectors}
        return cls(scene)

    @classmethod
    def _opensweep_log_list_(cls, items: Sequence[Object3D], place: Place) -> dict[str, Any]:
        each = [item._opensweep_log_(place) for item in items]
        return {
            "_type": "object3D",
            "filenames": [one["path"][len(cls._folder) + 1 :] for one in each],
            "count": len(each),
            "objects": each,
        }


def _scene(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("type") not in Object3D.SUPPORTED_POINT_CLOUD_TYPES:
        raise UsageError(f"a scene of type {given.get('type')!r}: only 'lidar/beta' is known")
    scene: dict[str, Any] = {"type": given["type"]}
    for part in ("vectors", "points", "boxes"):
        value = given.get(part)
        value = [] if value is None else value
        scene[part] = as_array(value, "Object3D").tolist() if is_array(value) else list(value)
    return scene
