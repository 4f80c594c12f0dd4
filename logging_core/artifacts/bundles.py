"""Many small blobs in one message, so that ten thousand files do not take ten thousand requests.

    each blob: 32 bytes SHA-256, u64 size (little-endian), the bytes; one after the other to the end

Pure; both sides of the wire use it. Larger blobs travel alone and in pieces.
"""

from __future__ import annotations

import hashlib
import struct
from typing import IO, Iterator

_HEAD = struct.Struct("<32sQ")
HEAD_SIZE = _HEAD.size

SMALL = 1 << 20
"""A blob of so many bytes at most may travel in a bundle."""
BUNDLE = 8 << 20
"""A bundle is closed when it has reached so many bytes, …"""
MANY = 1000
"""… or holds so many blobs."""


class BundleError(ValueError):
    """The bundle is torn, or some bytes are not what they were announced as."""


def head(digest: str, size: int) -> bytes:
    """What stands before a blob's bytes."""
    return _HEAD.pack(bytes.fromhex(digest), size)


def read(stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """(digest, bytes) of each blob, the bytes checked against the digest. Raises BundleError."""
    while True:
        begin = _exactly(stream, HEAD_SIZE)
        if not begin:
            return
        if len(begin) < HEAD_SIZE:
            raise BundleError("the bundle is torn")
        raw, size = _HEAD.unpack(begin)
        if size > SMALL:
            raise BundleError(f"a blob of {size:,} bytes is too large for a bundle")
        data = _exactly(stream, size)
        if len(data) < size:
            raise BundleError("the bundle is torn")
        if hashlib.sha256(data).digest() != raw:
            raise BundleError(f"the bytes sent as {raw.hex()} are others")
        yield raw.hex(), data


def _exactly(stream: IO[bytes], size: int) -> bytes:
    parts = []
    while size:
        part = stream.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
