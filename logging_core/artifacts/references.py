"""References: files of an artifact that lie elsewhere and stay there.

file:// and http(s):// by the standard library; s3://, gs://, az:// and whatever else by fsspec, if
the script's environment has it. Without `checksum` an address is taken as it is, whatever it is.
"""

from __future__ import annotations

import importlib
import os
import urllib.error
import urllib.request
from typing import Any, Iterator
from urllib.parse import unquote, urlsplit

from logging_core.artifacts import staging
from logging_core.artifacts.manifest import Entry
from logging_core.errors import CommError, UsageError

MAX_OBJECTS = 10_000_000
_TIMEOUT_S = 30.0


def entries(uri: str, name: str | None, *, checksum: bool, max_objects: int | None) -> list[Entry]:
    """The entries that a reference comes to: one, or those of all files below a folder.

    `name`: the path in the artifact, or the folder that the files of a folder get. Raises
    UsageError: no address, nothing there, too much there.
    """
    scheme = urlsplit(uri).scheme
    if not scheme:
        raise UsageError(f"{uri!r} is no reference: expected an address such as s3://bucket/key")
    default = unquote(urlsplit(uri).path.rstrip("/").rpartition("/")[2]) or urlsplit(uri).netloc
    if not checksum:
        return [Entry(name or default, uri, None, uri)]
    if scheme == "file":
        found = _of_files(uri, name, default)
    elif scheme in ("http", "https"):
        found = iter([_of_web(uri, name or default)])
    else:
        found = _of_store(uri, name, default)
    most = MAX_OBJECTS if max_objects is None else max_objects
    listed: list[Entry] = []
    for entry in found:
        if len(listed) == most:
            raise UsageError(
                f"{uri} has more than {most:,} files: name a smaller part, or give max_objects"
            )
        listed.append(entry)
    return listed


def bring(entry: Entry, target: str) -> None:
    """Fetches what an entry refers to into the file `target`. Raises CommError, OSError."""
    ref = entry.ref or ""
    scheme = urlsplit(ref).scheme
    if scheme == "file":
        staging.clone(_local(ref), target)
    elif scheme in ("http", "https"):
        _fetch_web(ref, target)
    else:
        try:
            files, path = _store(ref)
            files.get_file(path, target)
        except UsageError:
            raise
        except Exception as error:  # each store has errors of its own
            raise CommError(f"{ref} cannot be fetched: {error}") from error
    if scheme == "file" and entry.extra.get("sha256") == entry.digest:
        if staging.digest_of(target)[0] != entry.digest:
            os.unlink(target)
            raise CommError(f"{ref} has changed since it was referred to")
    elif entry.size is not None and os.stat(target).st_size != entry.size:
        os.unlink(target)
        raise CommError(f"{ref} has another size than when it was referred to")


def _of_files(uri: str, name: str | None, default: str) -> Iterator[Entry]:
    path = _local(uri)
    if os.path.isfile(path):
        yield _of_file(path, name or default)
    elif os.path.isdir(path):
        for folder, folders, files in os.walk(path):
            folders.sort()
            for file in sorted(files):
                whole = os.path.join(folder, file)
                inside = os.path.relpath(whole, path).replace(os.sep, "/")
                yield _of_file(whole, f"{name.rstrip('/')}/{inside}" if name else inside)
    else:
        raise UsageError(f"{uri}: there is no such file")


def _of_file(path: str, name: str) -> Entry:
    digest, size, md5 = staging.digests_of(path)
    # W&B's clients, which may use the artifact too, know a file by its MD5.
    extra = {"sha256": digest, "md5": md5} if md5 else {"sha256": digest}
    return Entry(name, digest, size, "file://" + os.path.abspath(path), extra)


def _local(uri: str) -> str:
    return uri[len("file://") :]


def _of_web(uri: str, name: str) -> Entry:
    request = urllib.request.Request(uri, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            headers = answer.headers
    except (OSError, ValueError) as error:
        raise UsageError(f"{uri} cannot be referred to: {error}") from error
    length = headers.get("Content-Length", "")
    etag = (headers.get("ETag") or "").strip('"')
    extra = {"etag": etag} if etag else {}
    return Entry(name, etag or uri, int(length) if length.isdigit() else None, uri, extra)


def _fetch_web(uri: str, target: str) -> None:
    try:
        with urllib.request.urlopen(uri, timeout=_TIMEOUT_S) as answer, open(target, "wb") as file:
            while True:
                part = answer.read(1 << 20)
                if not part:
                    return
                file.write(part)
    except (urllib.error.URLError, ValueError) as error:
        raise CommError(f"{uri} cannot be fetched: {error}") from error


def _of_store(uri: str, name: str | None, default: str) -> Iterator[Entry]:
    files, path = _store(uri)
    scheme = urlsplit(uri).scheme
    try:
        found = files.find(path, detail=True)
    except Exception as error:  # each store has errors of its own
        raise UsageError(f"{uri} cannot be looked at: {error}") from error
    if not found:
        raise UsageError(f"{uri}: there is nothing there")
    for key in sorted(found):
        told = found[key]
        inside = key[len(path) :].lstrip("/") if key != path else ""
        whole = "/".join(part.rstrip("/") for part in (name, inside) if part) or default
        etag = str(told.get("ETag") or told.get("etag") or told.get("md5Hash") or "").strip('"')
        address = f"{scheme}://{key}"
        extra = {"etag": etag} if etag else {}
        yield Entry(whole, etag or address, told.get("size"), address, extra)


def _store(uri: str) -> Any:
    """(fsspec's file system, path)."""
    try:
        core = importlib.import_module("fsspec.core")
        return core.url_to_fs(uri)
    except ImportError as error:
        raise UsageError(
            f"{uri}: files there are looked at by fsspec, which this environment lacks ({error}):"
            " pip install fsspec (with s3fs, gcsfs or adlfs), or give checksum=False"
        ) from None
    except ValueError as error:
        raise UsageError(f"{uri}: {error}; give checksum=False to take it as it is") from None
