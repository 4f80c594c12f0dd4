"""MD5s of blobs, for the `wandb` client: it names files by them, in base64; we keep them in hex.

Blobs that came by that client's door have one on record. Those of our own logger get one when it is
first asked for, which means reading all of their bytes once. An MD5 proves nothing: whoever needs
to be sure compares SHA-256. Neighbours: store/files.py (where they are kept).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection, Mapping

from controller.blobs import Blobs
from controller.store.store import Store
from sweeps.errors import UsageError


def md5s(
    store: Store, blobs: Blobs, digests: Collection[str], *, most_bytes: int | None = None
) -> dict[str, str]:
    """digest -> MD5 in hex, of those blobs that are there.

    Args:
        most_bytes: how many bytes may be read for those that are not on record, the smallest blobs
            first; the others are left out. None: all.
    """
    known = store.known_md5s(digests)
    sizes = store.blob_sizes(digest for digest in digests if digest not in known)
    fresh, read = {}, 0
    for digest, size in sorted(sizes.items(), key=lambda item: item[1]):
        read += size
        if most_bytes is not None and read > most_bytes:
            break
        made = hashlib.md5(usedforsecurity=False)
        for part in blobs.read(digest):
            made.update(part)
        fresh[digest] = made.hexdigest()
    if fresh:
        store.keep_md5s(fresh)
    return {**known, **fresh}


def md5_of(data: bytes) -> str:
    """The MD5 of bytes, in hex."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def manifest_md5(digests: Mapping[str, str]) -> str:
    """W&B's digest of an artifact, in hex.

    Args:
        digests: path -> digest of the entry as clients write it.
    """
    made = hashlib.md5(b"wandb-artifact-manifest-v1\n", usedforsecurity=False)
    for path in sorted(digests):
        made.update(f"{path}:{digests[path]}\n".encode())
    return made.hexdigest()


def base64_md5(in_hex: str) -> str:
    """An MD5 as clients write it. Raises UsageError when it is none."""
    try:
        return base64.b64encode(bytes.fromhex(in_hex)).decode()
    except ValueError:
        raise UsageError(f"{in_hex!r} is no MD5 in hex") from None


def hex_md5(in_base64: str) -> str:
    """An MD5 as it is kept. Raises UsageError when it is none."""
    try:
        digest = base64.b64decode(in_base64, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 16:
        raise UsageError(f"{in_base64!r} is no MD5 in base64")
    return digest.hex()
