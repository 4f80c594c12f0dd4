"""Audio: a sound file, or samples as 16-bit WAV written by the standard library."""

from __future__ import annotations

import array
import os
import struct
import sys
from typing import Any, Sequence

from logging_core.errors import UsageError
from logging_core.media.base import BatchableMedia, captions
from logging_core.media.place import Place
from logging_core.media.tensors import as_array, is_array


class Audio(BatchableMedia):
    """A sound.

    Args:
        data_or_path: a path; or samples: an array or list, (frames) or (frames, channels). Floats
            are between -1 and 1 (what is beyond is clipped), ints are 16-bit or 32-bit samples.
        sample_rate: frames a second; needed with samples.
        caption: shown with it.

    Raises UsageError, OSError.
    """

    _log_type = "audio-file"
    _folder = "media/audio"

    def __init__(
        self, data_or_path: Any, sample_rate: int | None = None, caption: str | None = None
    ) -> None:
        super().__init__(caption)
        self._sample_rate = None if sample_rate is None else int(sample_rate)
        self._duration: float | None = None
        if isinstance(data_or_path, (str, os.PathLike)):
            self._set_path(data_or_path)
            return
        if self._sample_rate is None:
            raise UsageError("Audio(samples) needs sample_rate=…: frames a second")
        if self._sample_rate <= 0:
            raise UsageError(f"sample_rate is {sample_rate}: it must be more than 0")
        frames, channels = _samples(data_or_path)
        self._duration = len(frames) / channels / self._sample_rate
        self._set_bytes(_wav(frames, channels, self._sample_rate), ".wav")

    @classmethod
    def _opensweep_log_list_(cls, items: Sequence[Audio], place: Place) -> dict[str, Any]:
        told: dict[str, Any] = {
            "_type": "audio",
            "count": len(items),
            "audio": [item._opensweep_log_(place) for item in items],
            "sampleRates": [item._sample_rate for item in items],
            "durations": [item._duration for item in items],
        }
        texts = captions(items)
        if texts:
            told["captions"] = texts
        return told


def _samples(data: Any) -> tuple[array.array[int], int]:
    """The samples, interleaved, as 16-bit ints; and how many channels they are of."""
    if is_array(data):
        return _array_samples(as_array(data, "Audio of an array"))
    rows = list(data)
    channels = len(rows[0]) if rows and hasattr(rows[0], "__len__") else 1
    flat = (
        [value for row in rows for value in row] if rows and hasattr(rows[0], "__len__") else rows
    )
    if len(flat) != len(rows) * channels or not 1 <= channels <= 255:
        raise UsageError("Audio takes (frames) or (frames, channels): the frames differ in length")
    if all(isinstance(value, int) for value in flat):
        return array.array("h", [max(-32768, min(32767, value)) for value in flat]), channels
    return array.array("h", [_sample(float(value)) for value in flat]), channels


def _sample(value: float) -> int:
    return round(max(-1.0, min(1.0, value)) * 32767) if value == value else 0


def _array_samples(samples: Any) -> tuple[array.array[int], int]:
    if samples.ndim not in (1, 2):
        raise UsageError(f"Audio takes (frames) or (frames, channels), not {samples.shape}")
    channels = samples.shape[1] if samples.ndim == 2 else 1
    if not 1 <= channels <= 255:
        raise UsageError(
            f"Audio takes (frames, channels), not {samples.shape}: are they the other way round?"
        )
    kind, width = samples.dtype.kind, samples.dtype.itemsize
    if kind == "f":
        scaled = samples.astype("float64")
        scaled[scaled != scaled] = 0
        samples = (scaled.clip(-1, 1) * 32767).round()
    elif kind == "i" and width == 4:
        samples = samples >> 16
    elif kind == "u" and width == 1:
        samples = (samples.astype("int16") - 128) * 256
    elif kind not in "iu":
        raise UsageError(f"Audio takes samples that are floats or ints, not {samples.dtype}")
    frames = array.array("h")
    frames.frombytes(samples.clip(-32768, 32767).astype("int16").tobytes())
    return frames, channels


def _wav(frames: array.array[int], channels: int, rate: int) -> bytes:
    if sys.byteorder == "big":
        frames.byteswap()
    body = frames.tobytes()
    layout = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    size = struct.pack("<I", len(body))
    whole = struct.pack("<I", 36 + len(body))
    return b"RIFF" + whole + b"WAVEfmt " + layout + b"data" + size + body
