"""Artifact: a versioned set of files, as a script makes it, logs it, and gets it back.

One that a script makes is a draft until it is logged; it is pending until the server has it, and
committed then. One that is asked for is committed. What is in it cannot change any more once it is
logged; its description, metadata, aliases, tags and time to live can (`save`). Contents go in by
contents.py and come out by bringing.py.
"""

from __future__ import annotations

import datetime
import os
import time
from typing import Any, Iterable, Mapping, Sequence

from logging_core import terminal
from logging_core.artifacts import asking, names
from logging_core.artifacts.bringing import Bringing
from logging_core.artifacts.contents import Contents
from logging_core.artifacts.drafts import Draft
from logging_core.artifacts.manifest import Entry, Manifest
from logging_core.artifacts.source import HttpSource, Source, server_source, source_for
from logging_core.errors import CommError, Error, UsageError
from logging_core.values import plain

_POLL_S = 0.05
_NOBODY_S = 30.0  # without a process that ships the run folder


class NotLogged(UsageError, AttributeError):
    """The artifact has no version yet: log it, and wait() for it."""


class WaitTimeoutError(Error):
    """wait(timeout) came to its end before the server had the artifact."""


class Artifact(Contents, Bringing):
    """A versioned set of files.

    Args:
        name: letters, digits, '_', '-' and '.'; versions of one name in one project count v0, v1, …
        type: what kind of thing it is, such as "dataset" or "model"; one for each name.
        description: for people.
        metadata: a mapping of plain values.
        incremental: W&B's; new_draft() is the way.
        use_as, storage_region: W&B's; they change nothing.

    Raises UsageError.
    """

    def __init__(
        self,
        name: str,
        type: str,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        incremental: bool = False,
        use_as: str | None = None,
        storage_region: str | None = None,
    ) -> None:
        del storage_region
        if incremental:
            raise UsageError("Artifact(incremental=True): use artifact.new_draft() instead")
        self._name = names.check_name(name)
        self._type = names.check_name(type, "an artifact's type")
        self._use_as = use_as
        self._source: Source | None = None
        self._made_in: Any = None  # the run that logged it
        self._sent: Draft | None = None  # on its way to the server
        self._told: dict[str, Any] = {}  # what the server says of it
        self._project = ""
        self._describe(description or "", metadata or {}, [], [], None)
        self._begin()

    def _describe(
        self,
        description: str,
        metadata: Mapping[str, Any],
        aliases: Iterable[str],
        tags: Iterable[str],
        ttl_s: float | None,
    ) -> None:
        self.description: str | None = description
        self.metadata: dict[str, Any] = plain(_checked(metadata))
        self.aliases: list[str] = list(aliases)
        self.tags: list[str] = list(tags)
        self._ttl_s = ttl_s

    @classmethod
    def of_server(cls, told: Mapping[str, Any], source: Source | None) -> Artifact:
        """A committed one, as the server tells it."""
        made = cls(told["source"]["name"], told["type"])
        made._source = source
        made._take(told)
        return made

    def _take(self, told: Mapping[str, Any]) -> None:
        self._told, self._project, self._final = dict(told), told["project"], True
        if told["name"] != self._name:
            self._name = told["name"]
        self._describe(
            told["description"], told["metadata"], told["aliases"], told["tags"], told["ttl_s"]
        )

    # -- who it is ---------------------------------------------------------------------------

    @property
    def id(self) -> str | None:
        """Names it wherever it is linked to; None before the server has it."""
        return self._told.get("id")

    @property
    def entity(self) -> str:
        return ""

    @property
    def project(self) -> str:
        return self._project

    @property
    def name(self) -> str:
        """`name:v3`; without the version before the server has it."""
        return f"{self._name}:{self.version}" if self._told else self._name

    @property
    def version(self) -> str:
        """v0, v1, …"""
        return f"v{self._committed()['version']}"

    @property
    def qualified_name(self) -> str:
        """`project/name:v3`."""
        return f"{self._project}/{self.name}" if self._project else self.name

    full_name = qualified_name

    @property
    def source_project(self) -> str:
        return str(self._committed()["source"]["project"])

    @property
    def source_name(self) -> str:
        """Its name in the collection that it was made in, which it may be linked from."""
        return f"{self._committed()['source']['name']}:{self.source_version}"

    @property
    def source_version(self) -> str:
        return f"v{self._committed()['source']['version']}"

    @property
    def source_qualified_name(self) -> str:
        return f"{self.source_project}/{self.source_name}"

    @property
    def is_link(self) -> bool:
        source = self._committed()["source"]
        own = (source["project"], source["name"])
        return own != (self._told["project"], self._told["name"])

    @property
    def type(self) -> str:
        return self._type

    @property
    def state(self) -> str:
        """DRAFT, PENDING (logged, and on its way), COMMITTED or DELETED."""
        if self._told:
            return str(self._told.get("state", "COMMITTED"))
        return "PENDING" if self._final else "DRAFT"

    def is_draft(self) -> bool:
        """Whether it is not, or not yet, with the server."""
        return self.state in ("DRAFT", "PENDING")

    @property
    def manifest(self) -> Manifest:
        """What it holds; `manifest.entries` by path."""
        if self._told and not self._manifest.entries and self._told["files"]:
            told = self._asked().json("GET", f"/api/artifacts/{self.id}/manifest")
            self._manifest = Manifest.from_json(told)
            for entry in self._manifest.entries.values():
                entry.owner = self
        return self._manifest

    @property
    def digest(self) -> str:
        """Names the content: the same files under the same names have the same."""
        return str(self._told["digest"]) if self._told else self._manifest.digest()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return int(self._told["size"]) if self._told else self._manifest.size

    @property
    def file_count(self) -> int:
        return int(self._told["files"]) if self._told else len(self._manifest)

    @property
    def ttl(self) -> datetime.timedelta | None:
        """How long it lives from its making; None: for ever. Set it before logging, or `save`."""
        return None if self._ttl_s is None else datetime.timedelta(seconds=self._ttl_s)

    @ttl.setter
    def ttl(self, ttl: datetime.timedelta | float | None) -> None:
        seconds = ttl.total_seconds() if isinstance(ttl, datetime.timedelta) else ttl
        if seconds is not None and not seconds > 0:
            raise UsageError(f"ttl {ttl!r}: expected a timedelta, seconds, or None")
        self._ttl_s = seconds

    @property
    def use_as(self) -> str | None:
        return self._use_as

    @property
    def created(self) -> float:
        """Seconds since 1970, UTC."""
        return float(self._committed()["created"])

    @property
    def created_at(self) -> str:
        """ISO 8601, UTC."""
        return _iso(self.created)

    @property
    def updated_at(self) -> str:
        return _iso(self._committed()["updated"])

    def __repr__(self) -> str:
        return f"<Artifact {self.qualified_name} ({self._type}, {self.state.lower()})>"

    def __len__(self) -> int:
        return self.file_count

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __setitem__(self, name: str, obj: Any) -> None:
        self.add(obj, name)

    # -- logging it --------------------------------------------------------------------------

    def save(self, project: str | None = None, settings: Any = None) -> None:
        """Log it with the active run (or one made for it); of one that is committed, send what was
        changed: description, metadata, aliases, tags, ttl. Raises UsageError, CommError."""
        del settings
        if self._told:
            self._take(
                self._asked().json("POST", f"/api/artifacts/{self.id}", None, self._changes())[
                    "artifact"
                ]
            )
            return
        from logging_core import active

        run = active.active()
        if run is not None:
            run.log_artifact(self)
            return
        with active.init(project=project, job_type="auto") as made:
            made.log_artifact(self)

    def _changes(self) -> dict[str, Any]:
        return {
            "description": self.description or "",
            "metadata": plain(_checked(self.metadata)),
            "tags": list(self.tags),
            "aliases": [names.check_alias(alias) for alias in self.aliases],
            "ttl_s": self._ttl_s,
            "keep": self._ttl_s is None,
            "project": self._project,
            "name": self._name,
        }

    def finalize(self) -> None:
        """Nothing can be added any more. log_artifact() does it."""
        self._final = True

    def wait(self, timeout: float | None = None) -> Artifact:
        """Wait until the server has it; returns it.

        Raises WaitTimeoutError after `timeout` seconds, UsageError when nobody brings it there
        (the run is offline: `sweep sync` will), CommError when the server refuses it.
        """
        if not self._final:
            raise NotLogged(f"the artifact {self._name!r} was not logged: run.log_artifact() first")
        if self._sent is None:
            return self  # the server has it; or nothing is recorded, and nothing to wait for
        begun = shipped = time.monotonic()
        lock = os.path.join(self._sent.folder, os.pardir, os.pardir, "shipping.lock")
        while not self._told and not self._learn():
            now = time.monotonic()
            if timeout is not None and now - begun > timeout:
                raise WaitTimeoutError(
                    f"the server does not have {self._name!r} after {timeout:g} s; it goes on"
                )
            if asking.locked(lock):
                shipped = now
            elif now - shipped > _NOBODY_S:
                raise UsageError(
                    f"nobody brings {self._name!r} to a server: the run is offline. It is kept in"
                    " the run folder, and `sweep sync` sends it"
                )
            time.sleep(_POLL_S)
        return self

    def _learn(self) -> bool:
        """Whether the server's answer is here."""
        answer = self._sent.read_answer() if self._sent is not None else None
        if answer is None:
            return False
        if "error" in answer:
            raise CommError(f"the artifact {self._name!r} is not kept: {answer['error']}")
        self._take(answer["artifact"])
        return True

    def new_draft(self) -> Artifact:
        """A copy that can be changed and logged as the next version."""
        draft = Artifact(self._name, self._type, self.description, self.metadata)
        entries = self.manifest.entries.values()
        copies = [
            Entry(one.path, one.digest, one.size, one.ref, one.extra, one.local_path)
            for one in entries
        ]
        draft._begin(Manifest(copies))
        for copy in copies:
            copy.owner = draft
        draft._source, draft._made_in = self._source, self._made_in
        return draft

    # -- what the server does with it --------------------------------------------------------

    def delete(self, delete_aliases: bool = False) -> None:
        """Remove this version. UsageError when it has aliases and `delete_aliases` is not set."""
        self._committed()
        query = {"aliases": int(delete_aliases)}
        self._asked().json("DELETE", f"/api/artifacts/{self.id}", query)
        self._told["state"] = "DELETED"

    def link(self, target_path: str, aliases: Sequence[str] | None = None) -> Artifact:
        """Give it a second name, "[[entity/]project/]name"; returns it under that."""
        self._committed()
        project, name = target(target_path, self._project)
        body = {"project": project, "name": name, "aliases": list(aliases or [])}
        told = self._asked().json("POST", f"/api/artifacts/{self.id}/links", None, body)
        return Artifact.of_server(told["artifact"], self._source)

    def unlink(self) -> None:
        """Take this second name away; it must be one. Raises UsageError."""
        if not self.is_link:
            raise UsageError(f"{self.qualified_name} is no link: delete() removes the artifact")
        query = {"project": self._project, "name": self._name}
        self._asked().json("DELETE", f"/api/artifacts/{self.id}/links", query)

    def logged_by(self) -> Any:
        """The run that made it, as opensweep.Api() has it; None when none did."""
        run_id = self._committed().get("run")
        return None if run_id is None else self._run(run_id)

    def used_by(self) -> list[Any]:
        """The runs that use it, as opensweep.Api() has them."""
        self._committed()
        told = self._asked().json("GET", f"/api/artifacts/{self.id}/users")
        return [self._run(run_id) for run_id in told["runs"]]

    def _run(self, run_id: str) -> Any:
        from logging_core.api.artifacts import run_of

        source = self._asked()
        if not isinstance(source, HttpSource):
            raise UsageError(
                f"this artifact belongs to run {run_id}: ask opensweep.Api() for it, outside the"
                " training process"
            )
        return run_of(source.server, run_id)

    # -- its parts ---------------------------------------------------------------------------

    def _committed(self) -> dict[str, Any]:
        if not self._told and not self._learn():
            raise NotLogged(
                f"the artifact {self._name!r} has no version yet: the server does not have it. Log"
                " it, and wait() for it"
            )
        return self._told

    def _asked(self) -> Source:
        if self._source is None:
            made_in = self._made_in
            self._source = source_for(made_in) if made_in is not None else server_source()
        return self._source

    def _default_root(self) -> str:
        base = os.environ.get("OPENSWEEP_ARTIFACT_DIR") or os.environ.get("WANDB_ARTIFACT_DIR")
        return os.path.join(base or "artifacts", self.name)


def target(path: str, project: str) -> tuple[str, str]:
    """(project, name) that "[[entity/]project/]name" names. Raises UsageError."""
    found = names.parse(path)
    if found.alias != names.LATEST:
        terminal.warn(f"link to {path!r}: the part behind ':' is left out, give aliases=[…]")
    return found.project or project, found.name


def _checked(metadata: Any) -> Mapping[str, Any]:
    if not isinstance(metadata, Mapping):
        raise UsageError(f"an artifact's metadata must be a mapping, not {metadata!r}")
    odd: list[str] = []
    plain(metadata, odd.append)
    if odd:
        raise UsageError(f"an artifact's metadata must be plain values, as JSON has them: {odd[0]}")
    return metadata


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()
