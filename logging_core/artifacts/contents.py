"""What a script puts into an artifact: files, folders, references, objects.

Each file is copied when it is added, so that the script may change or delete it at once.
Neighbours: staging.py (the copies), manifest.py (the list), artifact.py (the rest).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from typing import IO, Any, Iterator, Sequence

from logging_core.artifacts import drafts, names, objects, references, staging
from logging_core.artifacts.cache import Cache
from logging_core.artifacts.manifest import Entry, Manifest
from logging_core.errors import UsageError

POLICIES = ("mutable", "immutable")


class Contents:
    """The part of Artifact that fills it."""

    _name: str

    def _begin(self, manifest: Manifest | None = None) -> None:
        self._manifest = manifest or Manifest()
        self._draft: drafts.Draft | None = None
        self._added: dict[str, Entry] = {}  # by the path of the file that was added
        self._final = False
        self._cleanup: Any = None

    @property
    def manifest(self) -> Manifest:
        """What it holds; `manifest.entries` by path."""
        return self._manifest

    def add_file(
        self,
        local_path: str | os.PathLike[str],
        name: str | None = None,
        is_tmp: bool | None = False,
        skip_cache: bool | None = False,
        policy: str | None = "mutable",
        overwrite: bool = False,
    ) -> Entry:
        """Add a file, as `name` (its own by default). It may change afterwards.

        `policy` "immutable" promises that it will not: then it may be linked, not copied. `is_tmp`
        and `skip_cache` are W&B's and change nothing. Raises UsageError (a ValueError): no such
        file, or the name has other content already and `overwrite` is not set.
        """
        del is_tmp, skip_cache
        path = os.fspath(local_path)
        if not os.path.isfile(path):
            raise UsageError(f"add_file({path!r}): there is no such file")
        return self._add(path, name or os.path.basename(path), policy, overwrite)

    def add_dir(
        self,
        local_path: str | os.PathLike[str],
        name: str | None = None,
        skip_cache: bool | None = False,
        policy: str | None = "mutable",
        merge: bool = True,
    ) -> None:
        """Add all files below a folder, below `name` (at the top by default).

        `merge=False` refuses to replace other content of the same name. Raises UsageError.
        """
        del skip_cache
        root = os.fspath(local_path)
        if not os.path.isdir(root):
            raise UsageError(f"add_dir({root!r}): there is no such folder")
        prefix = name.strip("/") + "/" if name and name.strip("/") else ""
        for folder, folders, files in os.walk(root, followlinks=True):
            folders.sort()
            for file in sorted(files):
                path = os.path.join(folder, file)
                if os.path.isfile(path):  # neither a dead link nor a socket
                    inside = os.path.relpath(path, root).replace(os.sep, "/")
                    self._add(path, prefix + inside, policy, overwrite=merge)

    def add_reference(
        self,
        uri: str | Entry,
        name: str | None = None,
        checksum: bool = True,
        max_objects: int | None = None,
    ) -> Sequence[Entry]:
        """Add a file that stays where it is (http(s)://, s3://, gs://, file://, …), or the files of
        a folder there. `uri` may be an entry of another artifact: it is the same file then.

        `checksum=False` takes the address as it is. Raises UsageError.
        """
        self._check_open()
        if isinstance(uri, Entry):
            found = [Entry(name or uri.path, uri.digest, uri.size, uri.ref, uri.extra)]
        else:
            found = references.entries(str(uri), name, checksum=checksum, max_objects=max_objects)
        for entry in found:
            self._put(entry, overwrite=False)
        return found

    @contextlib.contextmanager
    def new_file(
        self, name: str, mode: str = "x", encoding: str | None = None
    ) -> Iterator[IO[Any]]:
        """A new file of the artifact, to be written in a `with`. Raises UsageError."""
        self._check_open()
        names.check_path(name)
        overwrite = "x" not in mode
        if name in self._manifest.entries and not overwrite:
            raise UsageError(f"new_file({name!r}): there is one already; mode 'w' replaces it")
        fresh = staging.fresh_name(self._staging())
        try:
            binary = "b" in mode
            with open(fresh, mode, encoding=None if binary else encoding or "utf-8") as file:
                yield file
            self._add(fresh, name, "immutable", overwrite)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(fresh)

    def add(self, obj: Any, name: str, overwrite: bool = False) -> Entry:
        """Add a Table, an Image, a matplotlib figure, …; `get(name)` brings it back."""
        self._check_open()
        with tempfile.TemporaryDirectory(prefix="opensweep-") as folder:
            written = objects.write(obj, name, folder)
            for path in dict.fromkeys(written.files):
                self._add(
                    os.path.join(folder, path), path, "mutable", overwrite or path != written.entry
                )
        return self._manifest.entries[written.entry]

    def remove(self, item: str | os.PathLike[str] | Entry) -> None:
        """Take out a file, or all below a folder. FileNotFoundError when there is none."""
        self._check_open()
        path = item.path if isinstance(item, Entry) else os.fspath(item)
        if path in self._manifest.entries:
            del self._manifest.entries[path]
            return
        below = self._manifest.get_entries_in_directory(path)
        if not below or not path:
            raise FileNotFoundError(f"the artifact has no file {path!r}")
        for entry in below:
            del self._manifest.entries[entry.path]

    def get_added_local_path_name(self, local_path: str) -> str | None:
        """The name under which a local file was added; None: it was not."""
        entry = self._added.get(os.path.abspath(local_path))
        return entry.path if entry is not None else None

    def _add(self, path: str, name: str, policy: str | None, overwrite: bool) -> Entry:
        self._check_open()
        if policy not in (*POLICIES, None):
            raise UsageError(f"policy {policy!r} is none of {', '.join(POLICIES)}")
        name = _spelled(name)
        try:
            staged = staging.stage(path, self._staging(), immutable=policy == "immutable")
        except OSError as error:
            raise UsageError(f"{path} cannot be added to the artifact: {error}") from error
        entry = Entry(name, staged.digest, staged.size, local_path=staged.path)
        self._put(entry, overwrite)
        self._added[os.path.abspath(path)] = entry
        return entry

    def _put(self, entry: Entry, overwrite: bool) -> None:
        entry.path = names.check_path(entry.path)
        known = self._manifest.entries.get(entry.path)
        if known is not None and known.digest != entry.digest and not overwrite:
            raise UsageError(
                f"the artifact has another file {entry.path!r} already: choose another name, or"
                " overwrite=True"
            )
        entry.owner = self
        self._manifest.entries[entry.path] = entry

    def _check_open(self) -> None:
        if self._final:
            raise UsageError(
                f"the artifact {self._name!r} was logged and cannot change: new_draft() makes a"
                " copy that can"
            )

    def _staging(self) -> str:
        """The folder of the copies: where the active run keeps drafts; logging moves none then."""
        if self._draft is None:
            from logging_core import active

            run = active.active()
            folder = run._folder if run is not None and not run.disabled else None
            base = str(folder.artifacts) if folder else os.path.join(_cache_folder(), "staging")
            self._draft = drafts.Draft(os.path.join(base, drafts.new_name()))
            # One that is never logged goes with its object.
            self._cleanup = weakref.finalize(self, _discard, self._draft.folder, os.getpid())
        os.makedirs(self._draft.blobs, exist_ok=True)
        return self._draft.blobs

    def _move_into(self, artifacts: str) -> drafts.Draft:
        """The draft, in the folder of artifacts of the run that logs it, behind those that were
        logged before. Raises OSError."""
        old, draft = self._draft, drafts.Draft(os.path.join(artifacts, drafts.new_name()))
        os.makedirs(artifacts, exist_ok=True)
        if old is not None:
            try:
                os.rename(old.folder, draft.folder)
            except OSError:  # another file system, perhaps
                shutil.copytree(old.folder, draft.folder)
                shutil.rmtree(old.folder, ignore_errors=True)
            self._cleanup.detach()
        for entry in self._manifest.entries.values():
            if entry.ref is None and entry.local_path is not None:
                own = draft.blob(entry.digest)
                if not os.path.exists(own) and os.path.exists(entry.local_path):
                    os.makedirs(draft.blobs, exist_ok=True)
                    staging.clone(entry.local_path, own)  # of the artifact that it is a copy of
                entry.local_path = own
        self._draft, self._cleanup = draft, None
        return draft


def _cache_folder() -> str:
    return Cache.from_environment().folder


def _spelled(name: str) -> str:
    """A path as it may stand in a manifest: bytes that are no text as \\xff."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return os.path.normpath(text).replace(os.sep, "/")


def _discard(folder: str, pid: int) -> None:
    if pid == os.getpid():  # not in a forked child
        shutil.rmtree(folder, ignore_errors=True)
