"""Video: a file, or frames encoded by whatever the machine has.

Frames go raw into ffmpeg: the one on the PATH, or the one that imageio-ffmpeg (and so moviepy)
brings. Pillow, where it is all there is, makes GIFs. log() waits for it: about 0.1 s for 30 frames
of 256 x 256. Neighbour: pixels.py.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from typing import Any, Sequence

from logging_core.errors import UsageError
from logging_core.media.base import BatchableMedia
from logging_core.media.libraries import library
from logging_core.media.place import Place
from logging_core.media.tensors import as_array, is_array

_CODECS = {
    # Browsers play 4:2:0 only, which needs even sides.
    "mp4": ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart"],
    "webm": ["-c:v", "libvpx", "-pix_fmt", "yuv420p", "-b:v", "2M"],
    "ogg": ["-c:v", "libtheora", "-pix_fmt", "yuv420p", "-q:v", "7"],
    "gif": ["-filter_complex", "split[a][b];[a]palettegen[p];[b][p]paletteuse", "-loop", "0"],
}


class Video(BatchableMedia):
    """A film.

    Args:
        data_or_path: a path; an open binary file; or frames: an array of (frames, channels,
            height, width), uint8, or (batch, frames, channels, height, width), which are shown
            side by side.
        caption: shown with it.
        fps: frames a second, of an array; 4.
        format: gif (the default), mp4, webm or ogg, of an array or an open file.

    Raises UsageError (also when nothing here can encode `format`), OSError.
    """

    EXTS = ("gif", "mp4", "webm", "ogg")
    _log_type = "video-file"
    _folder = "media/videos"

    def __init__(
        self,
        data_or_path: Any,
        caption: str | None = None,
        fps: int | None = None,
        format: str | None = None,
    ) -> None:
        super().__init__(caption)
        self._size: tuple[int, int] | None = None
        if isinstance(data_or_path, (str, os.PathLike)):
            self._format = self._known(os.path.splitext(os.fspath(data_or_path))[1][1:].lower())
            self._set_path(data_or_path)
            return
        self._format = self._known(format or "gif")
        if is_array(data_or_path):
            frames = _frames(as_array(data_or_path, "Video of an array"))
            self._size = (int(frames.shape[2]), int(frames.shape[1]))
            content = encode(frames, fps or 4, self._format)
        elif hasattr(data_or_path, "read"):
            content = bytes(data_or_path.read())
        else:
            raise UsageError(f"Video takes a path, an open file or an array, not {data_or_path!r}")
        self._set_bytes(content, "." + self._format)

    def _known(self, kind: str) -> str:
        if kind not in self.EXTS:
            raise UsageError(f"a Video of format {kind!r}: it takes {', '.join(self.EXTS)}")
        return kind

    def _opensweep_log_(self, place: Place) -> dict[str, Any]:
        told = super()._opensweep_log_(place)
        if self._size is not None:
            told["width"], told["height"] = self._size
        return told

    @classmethod
    def _opensweep_log_list_(cls, items: Sequence[Video], place: Place) -> dict[str, Any]:
        return {
            "_type": "videos",
            "count": len(items),
            "videos": [item._opensweep_log_(place) for item in items],
            "captions": any(i._caption for i in items) and [i._caption or "" for i in items],
        }


def _frames(array: Any) -> Any:
    """As uint8 of shape (frames, height, width, 3), a batch laid out in rows."""
    if array.ndim not in (4, 5) or array.shape[-3] not in (1, 3, 4) or not array.size:
        raise UsageError(
            "Video takes an array of (frames, channels, height, width) with 1, 3 or 4 channels, "
            f"or a batch of these, not {array.shape}"
        )
    if array.dtype.kind == "f":
        array[array != array] = 0
    array = array.clip(0, 255).astype("uint8")
    array = array[None] if array.ndim == 4 else array
    count, frames, _, height, width = array.shape
    array = array[:, :, :3] if array.shape[2] == 4 else array.repeat(3 // array.shape[2], 2)
    rows = 1 << ((count.bit_length() - 1) // 2)
    columns = -(-count // rows)
    if rows * columns != count:
        padding = array[: rows * columns - count] * 0
        array = library("numpy", "Video of an array").concatenate([array, padding])
    array = array.reshape(rows, columns, frames, 3, height, width)
    return array.transpose(2, 0, 4, 1, 5, 3).reshape(frames, rows * height, columns * width, 3)


def encode(frames: Any, fps: float, kind: str) -> bytes:
    """uint8 frames (frames, height, width, 3) as a film. Raises UsageError."""
    program = _ffmpeg()
    if program is not None:
        return _by_ffmpeg(program, frames, fps, kind)
    if kind != "gif":
        raise UsageError(
            f"a Video of an array as {kind} needs ffmpeg, which is not on the PATH: "
            "pip install imageio-ffmpeg"
        )
    pillow = library("PIL.Image", "a Video of an array as gif", "imageio-ffmpeg (or pillow)")
    first, *others = [pillow.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    duration = round(1000 / fps)
    first.save(
        buffer,
        "gif",
        save_all=True,
        append_images=others,
        duration=duration,
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


def _ffmpeg() -> str | None:
    try:
        import importlib

        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg")


def _by_ffmpeg(program: str, frames: Any, fps: float, kind: str) -> bytes:
    _, height, width, _ = frames.shape
    if kind != "gif":
        frames = frames[:, : height - height % 2 or None, : width - width % 2 or None]
        _, height, width, _ = frames.shape
    # To a file: an mp4 is finished by going back to its start.
    with tempfile.TemporaryDirectory(prefix="opensweep-") as folder:
        target = os.path.join(folder, "video." + kind)
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps)]
        command = [program, "-loglevel", "error", "-y", *source, "-i", "-", *_CODECS[kind], target]
        done = subprocess.run(command, input=frames.tobytes(), capture_output=True, check=False)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()[-300:]
            raise UsageError(f"{program} could not encode a Video as {kind}: {said}")
        with open(target, "rb") as file:
            return file.read()
