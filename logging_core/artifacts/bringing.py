"""What a script gets out of an artifact: its files, on this machine.

A file comes from the copy that the artifact itself has, from the download cache, or from the server
into the cache; and is copied out of there. Nothing is ever written outside the folder that is asked
for, whatever a manifest says. Neighbours: source.py, cache.py, references.py, artifact.py.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any, Iterable, Iterator
from urllib.parse import quote

from logging_core.artifacts import objects, references, staging
from logging_core.artifacts.cache import Cache
from logging_core.artifacts.manifest import ELSEWHERE, Entry, Manifest
from logging_core.artifacts.source import Source
from logging_core.errors import CommError, Error, UsageError

_HOPS = 20


class Bringing:
    """The part of Artifact that brings its files."""

    _source: Source | None

    @property
    def name(self) -> str:
        raise NotImplementedError

    def _default_root(self) -> str:
        raise NotImplementedError

    def _asked(self) -> Source:
        raise NotImplementedError

    @property
    def manifest(self) -> Manifest:
        raise NotImplementedError

    def download(
        self,
        root: str | os.PathLike[str] | None = None,
        allow_missing_references: bool = False,
        skip_cache: bool | None = None,
        path_prefix: str | os.PathLike[str] | None = None,
        multipart: bool | None = None,
    ) -> str:
        """Bring all files (or those whose path begins with `path_prefix`) into `root`.

        `root` is ./artifacts/<name>:<version> by default (or below OPENSWEEP_ARTIFACT_DIR); files
        of other names there stay. Returns it. `skip_cache` and `multipart` are W&B's and change
        nothing. Raises CommError, OSError; for a reference that is gone only if it must be there.
        """
        del skip_cache, multipart
        folder = os.path.abspath(os.fspath(root) if root is not None else self._default_root())
        prefix = os.fspath(path_prefix) if path_prefix is not None else ""
        wanted = [entry for path, entry in self.manifest.entries.items() if path.startswith(prefix)]
        os.makedirs(folder, exist_ok=True)
        self._bring(wanted, folder, allow_missing_references)
        return folder

    def download_entry(self, entry: Entry, root: str | None) -> str:
        """One file; returns its path."""
        folder = os.path.abspath(root if root is not None else self._default_root())
        self._bring([entry], folder, allow_missing=False)
        return _target(folder, entry.path)

    def checkout(self, root: str | None = None) -> str:
        """Make `root` hold exactly this artifact: other files in it are deleted."""
        folder = os.path.abspath(root if root is not None else self._default_root())
        kept = {_target(folder, path) for path in self.manifest.entries}
        for path in list(_files(folder)):
            if path not in kept:
                os.unlink(path)
        return self.download(folder)

    def verify(self, root: str | None = None) -> None:
        """Check that `root` holds exactly this artifact. ValueError says what differs.

        References are not looked at.
        """
        folder = os.path.abspath(root if root is not None else self._default_root())
        entries = self.manifest.entries
        known = {_target(folder, path): entry for path, entry in entries.items()}
        for path in _files(folder):
            if path not in known:
                raise ValueError(f"{path} is no file of {self.name}")
        for path, entry in known.items():
            if entry.ref is not None:
                continue
            if not os.path.isfile(path):
                raise ValueError(f"{path} of {self.name} is missing")
            if staging.digest_of(path)[0] != entry.digest:
                raise ValueError(f"{path} is not as it is in {self.name}")

    def file(self, root: str | None = None) -> str:
        """Bring the artifact's only file; returns its path. ValueError when it has several."""
        if len(self.manifest.entries) != 1:
            raise ValueError(f"{self.name} has {len(self.manifest.entries)} files: use download()")
        (entry,) = self.manifest.entries.values()
        return self.download_entry(entry, root)

    def files(self, names: list[str] | None = None, per_page: int = 50) -> list[Entry]:
        """Its entries (those of these paths): each has name, size, digest and download()."""
        del per_page
        if names is None:
            return list(self.manifest.entries.values())
        return [self.get_entry(name) for name in names]

    def get_entry(self, name: str | os.PathLike[str]) -> Entry:
        """The entry at a path. KeyError when there is none."""
        path = os.fspath(name)
        try:
            return self.manifest.entries[path]
        except KeyError:
            raise KeyError(f"{self.name} has no file {path!r}") from None

    def get_path(self, name: str | os.PathLike[str]) -> Entry:
        """W&B's older name of get_entry."""
        return self.get_entry(name)

    def get(self, name: str) -> Any:
        """The Table, Image, … that was added under `name`; None when there is none."""
        entries = self.manifest.entries
        path = objects.find(name, entries)
        if path is None:
            return None
        with tempfile.TemporaryDirectory(prefix="opensweep-") as folder:
            self._bring([entries[path]], folder, allow_missing=False)
            needed = objects.needed(path, folder)
            self._bring([entries[one] for one in needed if one in entries], folder, False)
            return objects.read(path, folder)

    def _bring(self, wanted: Iterable[Entry], folder: str, allow_missing: bool) -> None:
        entries = list(self._resolved(wanted, allow_missing))
        own = [entry for entry in entries if entry.ref is None]
        cache = self._fetched({entry.digest: entry for entry in own if not _is_here(entry)})
        for entry in entries:
            target = _target(folder, entry.path)
            if _has(target, entry):
                continue
            _make_way(folder, target)
            if entry.ref is None:
                here = entry.local_path if _is_here(entry) else None
                staging.clone(here or cache.path(entry.digest), target)
                continue
            try:
                references.bring(entry, target)
            except (OSError, Error):
                if not allow_missing:
                    raise

    def _resolved(self, wanted: Iterable[Entry], allow_missing: bool) -> Iterator[Entry]:
        """A reference to a file of another artifact is that file, at its path here."""
        asked: dict[str, Manifest] = {}
        for entry in wanted:
            try:
                yield self._elsewhere(entry, asked)
            except Error:
                if not allow_missing:
                    raise

    def _elsewhere(self, entry: Entry, asked: dict[str, Manifest]) -> Entry:
        path = entry.path
        for _ in range(_HOPS):
            if entry.ref is None or not entry.ref.startswith(ELSEWHERE):
                return entry
            artifact_id, _, there = entry.ref[len(ELSEWHERE) :].partition("/")
            if artifact_id not in asked:
                address = f"/api/artifacts/{quote(artifact_id, safe='')}/manifest"
                asked[artifact_id] = Manifest.from_json(self._asked().json("GET", address))
            found = asked[artifact_id].entries.get(there)
            if found is None:
                raise CommError(f"{path}: the artifact {artifact_id} has no file {there!r}")
            entry = Entry(path, found.digest, found.size, found.ref, found.extra)
        raise CommError(f"{path} refers to files that refer to each other in a circle")

    def _fetched(self, absent: dict[str, Entry]) -> Cache:
        """The cache, with these in it."""
        sizes = {digest: entry.size or 0 for digest, entry in absent.items()}
        cache = self._source.cache if self._source is not None else Cache.from_environment()
        if all(cache.has(digest, size) for digest, size in sizes.items()):
            return cache
        source = self._asked()
        source.fetch(sizes)
        return source.cache


def _is_here(entry: Entry) -> bool:
    return entry.local_path is not None and os.path.exists(entry.local_path)


def _target(folder: str, path: str) -> str:
    """Manifests are checked when they are read: a path leads nowhere else."""
    return os.path.join(folder, *path.split("/"))


def _make_way(folder: str, target: str) -> None:
    """Makes the folders above a file, following no link that leads out of `folder`."""
    parent = os.path.dirname(target)
    os.makedirs(parent, exist_ok=True)
    root = os.path.realpath(folder)
    if os.path.commonpath([os.path.realpath(parent), root]) != root:
        raise UsageError(f"{target} would lead out of {folder}: a link is in the way")


def _has(target: str, entry: Entry) -> bool:
    """Whether the file is there already, as it should be."""
    if entry.ref is not None or os.path.islink(target):
        return False
    try:
        return os.stat(target).st_size == entry.size and (
            staging.digest_of(target)[0] == entry.digest
        )
    except OSError:
        return False


def _files(folder: str) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(parent, name)
