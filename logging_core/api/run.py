"""One run as `opensweep.Api()` gives it: W&B's attributes and methods."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from logging_core.api import rows
from logging_core.api.documents import Summary
from logging_core.api.http import Server, segment
from logging_core.errors import UsageError
from logging_core.values import plain

if TYPE_CHECKING:
    from logging_core.api.sweep import Sweep

_OPEN = ("running", "queued", "preempted")
_MERGED = ("name", "notes", "tags", "group", "job_type")
_STREAMS = ("default", "system", "events")


class User:
    """Who ran it: `username` and `name`, "" where nobody said."""

    def __init__(self, username: str) -> None:
        self.username = self.name = username

    def __repr__(self) -> str:
        return f"<User {self.username}>"


class Run:
    """A recorded run.

    Attributes:
        id, name: its id; what people call it.
        state: running, finished, failed or crashed; a trial's also queued, stopped, canceled,
            preempted.
        config: a dict; changes are sent by `update()`.
        summary: dict-like; see `Summary`.
        metadata: a dict: host, command, git, GPUs and the like.
        notes, tags, group, job_type: as the script or a person set them.
        created_at, heartbeat_at: ISO 8601, UTC.
    """

    id: str
    name: str
    state: str
    project: str
    entity: str
    config: dict[str, Any]
    rawconfig: dict[str, Any]
    summary: Summary
    metadata: dict[str, Any]
    notes: str
    tags: list[str]
    group: str
    job_type: str
    _record: Mapping[str, Any]
    _had: dict[str, Any]  # as the server has them
    _had_config: dict[str, Any]

    def __init__(self, server: Server, record: Mapping[str, Any]) -> None:
        self._server = server
        self._path = "/api/runs/" + segment(record["id"])
        self._take(record)

    def __repr__(self) -> str:
        return f"<Run {'/'.join(self.path)} ({self.state})>"

    # -- who it is ---------------------------------------------------------------------------

    @property
    def display_name(self) -> str:
        return self.name

    @display_name.setter
    def display_name(self, name: str) -> None:
        self.name = name

    @property
    def description(self) -> str:
        return self.notes

    @property
    def path(self) -> list[str]:
        """[entity, project, id], without an entity that nobody named."""
        return [part for part in (self.entity, self.project, self.id) if part]

    @property
    def url(self) -> str:
        return f"{self._server.url}/runs/{segment(self.id)}"

    @property
    def created_at(self) -> str:
        return iso_time(self._record["created"])

    @property
    def heartbeat_at(self) -> str:
        heard = self._record["heard"]
        return iso_time(self._record["updated"] if heard is None else heard)

    @property
    def exit_code(self) -> int | None:
        code: int | None = self._record["exit_code"]
        return code

    @property
    def lastHistoryStep(self) -> int:  # noqa: N802 W&B's name
        """The newest step recorded, as of the last `load`; -1 before the first."""
        return int(self._record["steps"]) - 1

    @property
    def user(self) -> User:
        return User(self.username)

    @property
    def username(self) -> str:
        known = (self.metadata.get("username"), self.metadata.get("user"), self.entity)
        return next((str(name) for name in known if name), "")

    @property
    def sweep_name(self) -> str | None:
        """The id of its sweep; None for a run of its own."""
        sweep_id: str | None = self._record["sweep_id"]
        return sweep_id

    @property
    def sweep(self) -> Sweep | None:
        if self.sweep_name is None:
            return None
        from logging_core.api.sweep import Sweep

        return Sweep(self._server, self.sweep_name)

    @property
    def summary_metrics(self) -> dict[str, Any]:
        return self.summary._json_dict

    # -- what it logged ----------------------------------------------------------------------

    def history(
        self,
        samples: int = 500,
        keys: Sequence[str] | None = None,
        x_axis: str = "_step",
        pandas: bool = True,
        stream: str = "default",
        *,
        format: str | None = None,
    ) -> Any:
        """A sample of the history, evenly spaced: at most `samples` rows.

        Without keys any row may be among them, and what is logged rarely may be in none: name it in
        `keys`, or take `scan_history()`.

        Args:
            keys: only these, sampled among the rows that have all of them.
            x_axis: is in every row, too, when there are keys.
            pandas: a pandas DataFrame where pandas is installed; else a list of dicts.
            stream: "default", or "system" for the machine's metrics.
            format: "pandas", "polars" or "default" (a list of dicts), whatever `pandas` says.

        Raises UsageError for a wrong argument, CommError when the server does not answer.
        """
        rows.check_keys(keys)
        if stream not in _STREAMS:
            raise UsageError(f"history(): stream {stream!r} is none of {', '.join(_STREAMS)}")
        kind = "history" if stream == "default" else "system"
        found = self._rows().sampled(samples, keys, x_axis, kind)
        if format is not None:
            return rows.framed(found, format)
        return rows.framed_as_wandb_does(found, pandas)

    def scan_history(
        self,
        keys: Sequence[str] | None = None,
        page_size: int = 1000,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> rows.HistoryScan:
        """The whole history, row by row, as dicts.

        Args:
            keys: of each row only these, and only rows that have all of them.
            page_size: rows fetched at a time.
            min_step, max_step: from the first, up to but without the second.
        """
        rows.check_keys(keys)
        last = None if max_step is None else max_step - 1
        return rows.HistoryScan(self._rows(), keys, page_size, min_step, last)

    def _rows(self) -> rows.Source:
        return rows.Source(self._server, self.id, self._record["started"])

    # -- files and artifacts -----------------------------------------------------------------

    def files(
        self,
        names: Sequence[str] | None = None,
        per_page: int = 50,  # noqa: ARG002
        pattern: str | None = None,
    ) -> list[Any]:
        """Its files; with `names` those alone, or those that fit `pattern` ("media/%.png", as SQL's
        LIKE has it). Raises UsageError for both at once."""
        from logging_core.api.files import files, like

        if names and pattern is not None:
            raise UsageError("files() takes names or a pattern, not both")
        fits = re.compile(like(pattern or "%"), re.DOTALL)
        return [
            file
            for file in files(self._server, self.id)
            if (not names or file.name in names) and fits.fullmatch(file.name)
        ]

    def upload_file(self, path: str, root: str = ".") -> Any:
        """W&B's; a file goes to a run from the process that records it."""
        raise UsageError(
            f"upload_file({path!r}): a file is added by the run itself: "
            f"opensweep.init(id={self.id!r}, resume='must'), then run.save({path!r}, {root!r})"
        )

    def log_artifact(self, artifact: Any, aliases: Any = None, tags: Any = None) -> Any:
        """W&B's; an artifact is logged by the process that records the run."""
        del artifact, aliases, tags
        raise UsageError(
            "log_artifact(): an artifact is added by the run itself: "
            f"opensweep.init(id={self.id!r}, resume='must'), then run.log_artifact(…)"
        )

    def file(self, name: str) -> Any:
        """One of its files, by its path; `download()` fetches it."""
        from logging_core.api.files import file

        return file(self._server, self.id, name)

    def logged_artifacts(self, per_page: int = 100) -> Any:  # noqa: ARG002
        """The artifacts that it made."""
        from logging_core.api.artifacts import logged_artifacts

        return logged_artifacts(self._server, self.id)

    def used_artifacts(self, per_page: int = 100) -> Any:  # noqa: ARG002
        """The artifacts that it used."""
        from logging_core.api.artifacts import used_artifacts

        return used_artifacts(self._server, self.id)

    # -- looked at again, changed ------------------------------------------------------------

    def load(self, force: bool = True) -> dict[str, Any]:
        """Reads it again from the server; changes that were not sent are lost."""
        if force:
            self._take(self._server.json("GET", self._path, {"exact": "1"}))
        return dict(self._record)

    def update(self) -> None:
        """Sends what was changed: name, notes, tags, group, job_type, config, summary."""
        metadata = {
            key: plain(getattr(self, key))
            for key in _MERGED
            if getattr(self, key) != self._had[key]
        }
        config = {
            key: plain(value)
            for key, value in self.config.items()
            if key not in self._had_config or self._had_config[key] != value
        }
        if metadata or config:
            self._edit(metadata=metadata, config=config)
            self._had.update(metadata)
            self._had_config = plain(self.config)
        self.summary.update()

    save = update

    def delete(self, delete_artifacts: bool = False) -> None:
        """Removes the run from the server for good; its folder stays where it is.

        Args:
            delete_artifacts: those that it made as well.

        Raises UsageError for a run that still runs, a trial's, and one that others were forked
        from.
        """
        for artifact in self.logged_artifacts() if delete_artifacts else ():
            artifact.delete(delete_aliases=True)
        self._server.json("DELETE", self._path)

    def wait_until_finished(self) -> None:
        """Returns when it is over."""
        self.load()
        while self.state in _OPEN:
            time.sleep(2)
            self.load()

    def _edit(self, **changes: Any) -> None:
        self._server.json("POST", self._path + "/edit", body=changes)

    def _take(self, record: Mapping[str, Any]) -> None:
        self._record = record
        self.id, self.name, self.state = record["id"], record["name"], record["state"]
        self.entity, _, project = record["project"].rpartition("/")
        self.project = project or "uncategorized"
        self.metadata = dict(record["metadata"])
        self.notes = self.metadata.get("notes") or ""
        self.tags = list(self.metadata.get("tags") or ())
        self.group = self.metadata.get("group") or ""
        self.job_type = self.metadata.get("job_type") or ""
        self.rawconfig = dict(record["config"])
        self.config = {k: v for k, v in self.rawconfig.items() if k != "_wandb"}
        self._had = {key: plain(getattr(self, key)) for key in _MERGED}
        self._had_config = plain(self.config)
        self.summary = Summary(
            record["summary"], lambda values, gone: self._edit(summary=values, removed=gone)
        )


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as W&B writes times: 2026-01-31T12:00:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
