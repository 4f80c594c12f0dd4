"""Arrays as pixels, pixels as PNG, and the size of a picture from its first bytes.

An array of 512 x 512 RGB pixels takes about 12 ms (Pillow: 57 ms, for a file 15 % smaller): log()
waits for it. Needs NumPy for arrays; PNG itself is zlib and struct. Neighbour: image.py.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

from logging_core.errors import UsageError
from logging_core.media.libraries import library
from logging_core.media.tensors import as_array, is_tensor

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> PNG's colour type
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # channels -> Pillow's mode
_PER_ROW, _GAP = 8, 2  # of a grid of pictures, as torchvision's make_grid lays it out


def pixels_of(data: Any, normalize: bool = True) -> Any:
    """An array or tensor as uint8 pixels of shape (height, width, channels), 1 to 4 channels.

    Tensors of torch are (channels, height, width), other arrays (height, width, channels); either
    may lack the channels, and what can only be meant the other way round is taken so. A fourth
    axis in front is a batch: it becomes a grid. `normalize` spreads floats between 0 and 1 over
    0 to 255, and those with negative values by their range; ints, and floats that go beyond 1,
    are pixel values already. Everything is clipped to 0..255; NaN is 0. Raises UsageError.
    """
    channels_first = is_tensor(data)
    array = as_array(data, "an Image of an array")
    shape = tuple(array.shape)
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[:, :, None]
    elif array.ndim in (3, 4):
        # Two channels (grey and alpha) are rare: a small side is likelier.
        ahead, behind = array.shape[-3] in _COLOUR_TYPES, array.shape[-1] in (1, 3, 4)
        if ahead and (channels_first or not behind):
            array = array.swapaxes(-3, -2).swapaxes(-2, -1)  # … C H W -> … H W C
    if array.ndim not in (3, 4) or array.shape[-1] not in _COLOUR_TYPES or not array.size:
        raise UsageError(
            f"an Image cannot be made of an array of shape {shape}: it takes height x width, with "
            "1 to 4 channels last (of a torch tensor: first), and a batch of these"
        )
    array = _uint8(array, normalize)
    return array if array.ndim == 3 else _grid(array)


def _uint8(array: Any, normalize: bool) -> Any:
    kind = array.dtype.kind
    if kind == "b":
        return array.astype("uint8") * 255
    if kind == "u" and array.dtype.itemsize == 1:
        return array
    if kind in "iu":
        return array.clip(0, 255).astype("uint8")
    if kind != "f":
        try:
            array = array.astype("float64")
        except (TypeError, ValueError):
            raise UsageError(f"an Image cannot be made of values of type {array.dtype}") from None
    array = array.astype("float32")
    array[array != array] = 0
    if normalize:
        low, high = float(array.min()), float(array.max())
        if low < 0:
            array = (array - low) / ((high - low) or 1.0)
            high = 1.0
        if high <= 1:
            array = array * 255
    return array.round().clip(0, 255).astype("uint8")


def _grid(batch: Any) -> Any:
    count, height, width, channels = batch.shape
    columns = min(count, _PER_ROW)
    rows = -(-count // columns)
    down, right = height + _GAP, width + _GAP
    shape = (rows * down + _GAP, columns * right + _GAP, channels)
    grid = library("numpy", "an Image of an array").zeros(shape, "uint8")
    for index in range(count):
        y, x = index // columns * down + _GAP, index % columns * right + _GAP
        grid[y : y + height, x : x + width] = batch[index]
    return grid


def png(pixels: Any) -> bytes:
    """uint8 pixels of shape (height, width, channels) as a PNG file.

    Each line is stored as it is, or as the difference to its left or upper neighbour, whichever
    is smallest; compressed at the fastest level.
    """
    height, width, channels = pixels.shape
    lines = pixels.reshape(height, width * channels)
    left, up = lines.copy(), lines.copy()
    left[:, channels:] -= lines[:, :-channels]
    up[1:] -= lines[:-1]
    numpy = library("numpy", "a PNG of an array")
    # The smallest sum of absolute differences, taken as signed bytes, is what encoders go by.
    costs = [abs(each.view("int8").astype("int16")).sum(1) for each in (lines, left, up)]
    best = numpy.argmin(costs, 0)
    raw = numpy.empty((height, width * channels + 1), "uint8")
    raw[:, 0] = best
    for kind, each in enumerate((lines, left, up)):
        raw[best == kind, 1:] = each[best == kind]
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(raw.tobytes(), 1))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def picture_size(head: bytes) -> tuple[int, int] | None:
    """(width, height) as the first bytes of a PNG, GIF, BMP, JPEG or WebP file say; else None."""
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", head, 16)
        elif head[:6] in (b"GIF87a", b"GIF89a"):
            width, height = struct.unpack_from("<HH", head, 6)
        elif head.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", head, 18)
        elif head.startswith(b"\xff\xd8"):
            return _jpeg_size(head)
        elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _webp_size(head)
        else:
            return None
    except (struct.error, IndexError):
        return None
    return width, abs(height)  # a BMP may be stored upside down


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        at += 2 + struct.unpack_from(">H", head, at + 2)[0]
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(head[24:27], "little") + 1
        return width, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", head, 21)[0]
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    return None
