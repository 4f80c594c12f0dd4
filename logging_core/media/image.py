"""Image: a picture, from a file, an array, a tensor, Pillow or matplotlib.

Arrays are encoded when the object is made (pixels.py says what that takes), so that a buffer that
is reused afterwards does no harm; log() only writes the file. Neighbours: overlays.py, pixels.py.
"""

from __future__ import annotations

import io
import os
import sys
from mimetypes import guess_type
from typing import Any, Mapping, Sequence

from logging_core.errors import UsageError
from logging_core.media.base import BatchableMedia, captions
from logging_core.media.libraries import comes_from, library
from logging_core.media.overlays import BoundingBoxes2D, Classes, ImageMask
from logging_core.media.pixels import MODES, picture_size, pixels_of, png
from logging_core.media.place import Place

_FORMATS = ("png", "jpg", "jpeg", "bmp")
_HEAD = 1 << 20  # bytes in which a picture says its size; a JPEG may have a thumbnail before it
_WITHOUT_ALPHA = {"RGBA": "RGB", "LA": "L", "PA": "RGB", "P": "RGB"}
_OF_PNG = ("1", "L", "LA", "P", "RGB", "RGBA")


class Image(BatchableMedia):
    """A picture.

    Args:
        data_or_path: a path; an array (height, width[, channels]) or a torch tensor ([channels,]
            height, width), also a batch of them, which becomes a grid; a PIL image; a matplotlib
            figure, axes or pyplot itself; or another Image.
        mode: Pillow's mode to convert to: "L", "RGB", "RGBA", … (needs Pillow if it changes
            anything).
        caption: shown below it.
        grouping: how many pictures in a row belong together.
        classes: Classes, or a list of {"id", "name"}, of boxes and masks.
        boxes: {name: {"box_data": …}}, see BoundingBoxes2D.
        masks: {name: {"mask_data": …}}, see ImageMask.
        file_type: png (the default), jpg, jpeg or bmp; but for png, Pillow is needed.
        normalize: whether floats between 0 and 1 (or with negative values) are spread over 0 to
            255; else they are taken for values between 0 and 255.

    Raises UsageError for what is no picture, OSError for a file that cannot be read.
    """

    MAX_ITEMS = 108
    MAX_DIMENSION = 65500
    _log_type = "image-file"
    _folder = "media/images"

    def __init__(
        self,
        data_or_path: Any,
        mode: str | None = None,
        caption: str | None = None,
        grouping: int | None = None,
        classes: Classes | Sequence[Mapping[str, Any]] | None = None,
        boxes: Mapping[str, Any] | None = None,
        masks: Mapping[str, Any] | None = None,
        file_type: str | None = None,
        normalize: bool = True,
    ) -> None:
        super().__init__(caption)
        if file_type is not None and file_type not in _FORMATS:
            raise UsageError(f"file_type is {file_type!r}: an Image takes {', '.join(_FORMATS)}")
        self.format = file_type or "png"
        self._size: tuple[int, int] | None = None
        self._grouping = grouping
        if isinstance(data_or_path, Image):
            self._take_over(data_or_path)
        elif isinstance(data_or_path, (str, os.PathLike)):
            self._take_path(data_or_path)
        elif comes_from(data_or_path, "PIL"):
            self._take_pillow(data_or_path, mode)
        elif is_figure(data_or_path):
            self._take_figure(data_or_path)
        else:
            self._take_pixels(pixels_of(data_or_path, normalize), mode)
        self._check_size()
        self._boxes = _overlays("boxes", boxes, BoundingBoxes2D)
        self._masks = _overlays("masks", masks, ImageMask)
        self._classes = _classes(classes, self._boxes, self._masks)

    def _check_size(self) -> None:
        if self._size is not None and max(self._size) > self.MAX_DIMENSION:
            raise UsageError(f"an Image has at most {self.MAX_DIMENSION} pixels a side")

    def _take_over(self, other: Image) -> None:
        self._content, self._suffix, self._stored = other._content, other._suffix, other._stored
        self.format, self._size = other.format, other._size
        self._caption = other._caption if self._caption is None else self._caption
        self._grouping = other._grouping if self._grouping is None else self._grouping

    def _take_path(self, path: str | os.PathLike[str]) -> None:
        self._set_path(path)
        self.format = self._suffix[1:]
        with open(path, "rb") as file:
            self._size = picture_size(file.read(_HEAD))
        if self._size is None and not (guess_type(os.fspath(path))[0] or "").startswith("image/"):
            raise UsageError(
                f"Image({os.fspath(path)!r}): neither its content nor its name is of "
                "a picture; any other file goes with run.save()"
            )

    def _take_pixels(self, pixels: Any, mode: str | None) -> None:
        height, width, channels = pixels.shape
        self._size = (width, height)
        if self.format == "png" and mode in (None, MODES[channels]):
            self._set_bytes(png(pixels), ".png")
            return
        what = f"an Image of an array as {self.format}" + (f" in mode {mode!r}" if mode else "")
        pillow = library("PIL.Image", what, "pillow")
        squeezed = pixels[:, :, 0] if channels == 1 else pixels
        self._take_pillow(pillow.fromarray(squeezed), mode)

    def _take_pillow(self, image: Any, mode: str | None) -> None:
        self._size = (int(image.width), int(image.height))
        if mode is not None and image.mode != mode:
            try:
                image = image.convert(mode)
            except ValueError as error:
                raise UsageError(
                    f"Image: Pillow cannot make mode {mode!r} of {image.mode!r}: {error}; "
                    "common modes are L, RGB and RGBA"
                ) from None
        if self.format == "png" and image.mode in MODES.values() and "numpy" in sys.modules:
            self._set_bytes(png(pixels_of(image)), ".png")
            return
        if self.format != "png":
            wanted = _WITHOUT_ALPHA.get(image.mode, image.mode)
            image = image if wanted == image.mode else image.convert(wanted)
        elif image.mode not in _OF_PNG:
            image = image.convert("L" if image.mode[0] in "IF" else "RGB")
        self._save(image.save, {"jpg": "jpeg"}.get(self.format, self.format))

    def _take_figure(self, figure: Any) -> None:
        self._save(figure_of(figure).savefig, self.format)
        assert isinstance(self._content, bytes)
        self._size = picture_size(self._content)

    def _save(self, save: Any, kind: str) -> None:
        buffer = io.BytesIO()
        save(buffer, format=kind)
        self._set_bytes(buffer.getvalue(), "." + self.format)

    @property
    def image(self) -> Any:
        """The picture as a PIL image. Raises UsageError without Pillow."""
        pillow = library("PIL.Image", "Image.image", "pillow")
        return pillow.open(io.BytesIO(self._read()))

    def _opensweep_log_(self, place: Place) -> dict[str, Any]:
        told = super()._opensweep_log_(place)
        told["format"] = self.format
        if self._size is not None:
            told["width"], told["height"] = self._size
        if self._grouping:
            told["grouping"] = self._grouping
        for name, overlays in (("boxes", self._boxes), ("masks", self._masks)):
            if overlays:
                told[name] = {k: each._opensweep_log_(place) for k, each in overlays.items()}
        return told

    @classmethod
    def _opensweep_log_list_(cls, items: Sequence[Image], place: Place) -> dict[str, Any]:
        each = [item._opensweep_log_(place) for item in items]
        told = {
            "_type": "images/separated",
            "width": each[0].get("width"),
            "height": each[0].get("height"),
            "format": each[0]["format"],
            "count": len(each),
            "filenames": [one["path"] for one in each],
        }
        texts = captions(items)
        if texts:
            told["captions"] = texts
        for name, kept in (("masks", "all_masks"), ("boxes", "all_boxes")):
            if any(name in one for one in each):
                told[kept] = [one.get(name) for one in each]
        return told


def is_figure(value: Any) -> bool:
    """Whether it is matplotlib's: a figure, something on one, or the pyplot module."""
    return comes_from(value, "matplotlib") or getattr(value, "__name__", "") == "matplotlib.pyplot"


def figure_of(value: Any) -> Any:
    """The matplotlib figure that `value` is, or is drawn on. Raises UsageError."""
    if hasattr(value, "gcf"):
        value = value.gcf()
    value = value if hasattr(value, "savefig") else getattr(value, "figure", None)
    if not hasattr(value, "savefig"):
        raise UsageError("this matplotlib object is on no figure: pass the figure")
    return value


def _overlays(what: str, given: Mapping[str, Any] | None, kind: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UsageError(f"{what} of an Image is a dict of names to {what}, not {given!r}")
    return {
        str(key): each if isinstance(each, kind) else kind(each, str(key))
        for key, each in given.items()
    }


def _classes(
    classes: Classes | Sequence[Mapping[str, Any]] | None, *overlays: Mapping[str, Any]
) -> Classes | None:
    names: dict[Any, Any] = {}
    for group in overlays:
        for each in group.values():
            names.update(each._class_labels)
    if classes is not None:
        given = classes if isinstance(classes, Classes) else Classes(classes)
        names.update({each["id"]: each["name"] for each in given._class_set})
    return Classes([{"id": k, "name": name} for k, name in names.items()]) if names else None
