"""The two forms of a manifest: W&B's (`wandb_manifest.json`) and ours. Pure.

W&B's names a file by the MD5 of its bytes in base64, ours by their SHA-256. A reference is the same
in both, but for those to files of other artifacts, which name the artifact by its id: W&B's writes
the global id in hex. What comes from a client is read with suspicion. Neighbours: contents.py.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from controller.checksums import base64_md5, hex_md5
from controller.store.files import BlobRecord
from controller.wandb_api.ids import global_id, parse_id
from logging_core.artifacts.manifest import ELSEWHERE, Entry, Manifest
from logging_core.errors import UsageError as ManifestError
from sweeps.errors import NotFoundError, UsageError

MOST_BYTES = 128 << 20
"""A manifest may not be longer."""

_THEIRS = "wandb-artifact://"
_REFERENCE = re.compile(r"wandb-artifact://([0-9a-f]{2,400})/(.+)", re.DOTALL)
_LONGEST = 8192


class WandbEntry(NamedTuple):
    """An entry as a client wrote it: see `Entry`. `digest` is base64 of the MD5 for a file."""

    digest: str
    size: int | None
    ref: str | None
    extra: Mapping[str, Any]


def read(text: bytes) -> dict[str, WandbEntry]:
    """The entries of a client's manifest, by path. Raises UsageError."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the manifest is no JSON: {error}") from None
    contents = told.get("contents") if isinstance(told, dict) else None
    if not isinstance(contents, dict) or told.get("version") != 1:
        raise UsageError("this is no manifest of version 1: it has no contents")
    return {path: _entry(path, said) for path, said in contents.items()}


def _entry(path: str, said: Any) -> WandbEntry:
    where = f"{path!r} in the manifest"
    if not isinstance(said, dict):
        raise UsageError(f"{where}: expected an object")
    digest, size, ref, extra = (said.get(name) for name in ("digest", "size", "ref", "extra"))
    if not isinstance(digest, str) or not 0 < len(digest) <= _LONGEST:
        raise UsageError(f"{where}: no digest")
    if size is not None and (type(size) is not int or size < 0):
        raise UsageError(f"{where}: its size is no number of bytes")
    if ref is not None and not isinstance(ref, str):
        raise UsageError(f"{where}: its reference is no text")
    if extra is not None and not isinstance(extra, dict):
        raise UsageError(f"{where}: extra is no object")
    algorithm = (extra or {}).get("alg", "MD5")
    if ref is None and algorithm != "MD5":
        raise UsageError(f"{where}: this server knows files by their MD5, not by {algorithm}")
    return WandbEntry(digest, size, ref or None, extra or {})


def files_of(entries: Mapping[str, WandbEntry]) -> dict[str, str]:
    """path -> MD5 in hex, of the entries that are files. Raises UsageError."""
    return {path: hex_md5(entry.digest) for path, entry in entries.items() if entry.ref is None}


def to_ours(entries: Mapping[str, WandbEntry], blobs: Mapping[str, BlobRecord]) -> Manifest:
    """Our manifest of the same content.

    Args:
        blobs: MD5 in hex -> the blob that has it.

    Raises UsageError: a path leads out of the artifact, a file's bytes are not there, ….
    """
    files = files_of(entries)
    absent = sorted(path for path, md5 in files.items() if md5 not in blobs)
    if absent:
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise UsageError(
            f"the artifact lists files that never arrived: {', '.join(absent[:3])}{more}. Log it"
            " again."
        )
    told: dict[str, Any] = {}
    for path, entry in entries.items():
        if entry.ref is None:
            blob = blobs[files[path]]
            told[path] = {"digest": blob.digest, "size": blob.size}
        else:
            told[path] = {"digest": _our_digest(entry), "ref": _our_reference(entry.ref)}
            if entry.size is not None:
                told[path]["size"] = entry.size
        if entry.extra:
            told[path]["extra"] = dict(entry.extra)
    try:
        return Manifest.from_json({"version": 1, "contents": told})
    except ManifestError as error:
        raise UsageError(str(error)) from None


def from_ours(manifest: Manifest, md5s: Mapping[str, str]) -> dict[str, WandbEntry]:
    """The other way round.

    Args:
        md5s: SHA-256 -> MD5, both in hex, of all files.
    """
    return {path: entry_of(manifest.entries[path], md5s) for path in sorted(manifest.entries)}


def entry_of(entry: Entry, md5s: Mapping[str, str]) -> WandbEntry:
    """One entry of ours as W&B's clients know it."""
    if entry.ref is None:
        return WandbEntry(base64_md5(md5s[entry.digest]), entry.size, None, entry.extra)
    # A file of the script's machine has both digests (logging_core/artifacts/references.py).
    digest = entry.extra.get("md5") if entry.ref.startswith("file:") else None
    return WandbEntry(
        str(digest or entry.digest), entry.size, _their_reference(entry.ref), entry.extra
    )


def _our_digest(entry: WandbEntry) -> str:
    if entry.ref and entry.ref.startswith("file:") and entry.extra.get("md5") == entry.digest:
        return str(entry.extra.get("sha256") or entry.digest)
    return entry.digest


def write(entries: Mapping[str, WandbEntry], artifact_id: str) -> dict[str, Any]:
    """W&B's manifest of a version, as JSON. Its files are told to be born with it: all that a
    client does with a birth is to ask for it by address, where the MD5 is enough."""
    born = global_id("Artifact", artifact_id)
    contents: dict[str, Any] = {}
    for path, entry in entries.items():
        said: dict[str, Any] = {"digest": entry.digest}
        if entry.ref is None:
            said["birthArtifactID"] = born
        else:
            said["ref"] = entry.ref
        if entry.size is not None:
            said["size"] = entry.size
        if entry.extra:
            said["extra"] = dict(entry.extra)
        contents[path] = said
    return {
        "version": 1,
        "storagePolicy": "wandb-storage-policy-v1",
        "storagePolicyConfig": {"storageLayout": "V2"},
        "contents": contents,
    }


def _our_reference(ref: str) -> str:
    """References to other artifacts name them by our ids."""
    match = _REFERENCE.fullmatch(ref)
    if match is None:
        return ref
    try:
        whole = base64.b64encode(bytes.fromhex(match.group(1))).decode()
        return f"{ELSEWHERE}{parse_id(whole, 'Artifact')}/{match.group(2)}"
    except (ValueError, NotFoundError):
        return ref


def _their_reference(ref: str) -> str:
    if not ref.startswith(ELSEWHERE):
        return ref
    artifact_id, _, path = ref[len(ELSEWHERE) :].partition("/")
    return f"{_THEIRS}{base64.b64decode(global_id('Artifact', artifact_id)).hex()}/{path}"
