"""A place where the tests of media store what they log, and PNG files read back."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from logging_core.media.rows import Desk, settle


class Shelf:
    """Where one test's media go: as the journal gives it, without a journal."""

    def __init__(self, files: Path) -> None:
        self.files = files
        self.saved: list[str] = []
        self.config: list[dict[str, Any]] = []
        self.told: list[str] = []

    def log(self, row: dict[str, Any], step: int = 0) -> dict[str, Any]:
        desk = Desk(self.files, step, self.saved.append, self.config.append, self.told.append)
        return settle(row, desk)

    def bytes(self, told: dict[str, Any]) -> bytes:
        return (self.files / told["path"]).read_bytes()

    def json(self, told: dict[str, Any]) -> Any:
        return json.loads(self.bytes(told))

    def pixels(self, told: dict[str, Any]) -> np.ndarray:
        return unpng(self.bytes(told))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "files")


def unpng(content: bytes) -> np.ndarray:
    """The pixels of an 8-bit PNG that uses the filters none, left and up."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", content, at + 8 + length)
        assert check == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert depth == 8
    channels = {0: 1, 4: 2, 2: 3, 6: 4}[colour]
    raw = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    lines = np.zeros((height, width, channels), np.uint8)
    for y in range(height):
        line = raw[y, 1:].reshape(width, channels)
        if raw[y, 0] == 1:
            line = np.cumsum(line, 0, dtype=np.uint8)
        elif raw[y, 0] == 2:
            line = line + (lines[y - 1] if y else 0)
        else:
            assert raw[y, 0] == 0
        lines[y] = line
    return lines
