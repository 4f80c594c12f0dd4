"""Run: what a script holds while it is tracked. Steps and commits as W&B counts them.

Puts the parts together and keeps no rule of its own: journal.py records, config.py and summary.py
are what the script reads and writes, ending.py sees to a clean end, terminal.py shows it.
active.py makes runs.
"""

from __future__ import annotations

import atexit
import time
from types import TracebackType

from logging_core import ending, terminal
from logging_core.config import Config
from logging_core.console import Capture
from logging_core.errors import UsageError
from logging_core.fate import Fate, say_fate
from logging_core.folder import RunFolder
from logging_core.helper import Helper
from logging_core.hints import Any, Callable, Mapping, NamedTuple, Sequence
from logging_core.journal import Journal
from logging_core.like_wandb import AsInWandb
from logging_core.reach import Reach
from logging_core.records import ConfigUpdate, MetadataUpdate, MetricDefined, SummaryUpdate
from logging_core.summary import KINDS, Summary
from logging_core.values import flatten, plain


class RunInfo(NamedTuple):
    """Who a run is; what run.json says, or the script said in init()."""

    id: str
    name: str
    project: str
    entity: str = ""
    sweep_id: str = ""
    notes: str = ""
    group: str = ""
    job_type: str = ""
    tags: tuple[str, ...] = ()
    resumed: bool = False
    starting_step: int = 0
    url: str = ""
    followed: bool = False  # a follower of this process sends it


class Run(Reach, AsInWandb):
    """One tracked run. Made by `opensweep.init()`; a context manager; thread-safe.

    A run without a writer (mode "disabled", a rank other than 0, a forked child) has the config
    and everything else, and records nothing.
    """

    def __init__(
        self,
        info: RunInfo,
        *,
        config: Config,
        folder: RunFolder | None,
        journal: Journal,
        console: Capture | None = None,
        helper: Helper | None = None,
        metric: str = "",
        silent: bool = False,
        hooks: bool = True,
    ) -> None:
        self._info = info
        self._folder = folder
        self._journal = journal
        # Without a step in between, which would cost a fifth of the whole call.
        self.__dict__["log"] = journal.log
        self._summary = Summary(journal.summary, self._set_summary, journal.made_plain)
        self._config = config
        config.attach(self._config_changed, journal.warn_once)
        self._console = console
        self._helper = helper
        self._metric = metric
        self._silent = silent
        self._hooks = hooks  # whether the end of the process is this run's business
        self._started = time.time()
        self._ending: ending.Ending | None = None
        self._on_finish: Callable[[Run, bool], Fate | None] = lambda _run, _waits: None
        self._temporary: str | None = None

    # -- who it is ---------------------------------------------------------------------------

    @property
    def id(self) -> str:
        return self._info.id

    @property
    def name(self) -> str:
        return self._info.name

    @name.setter
    def name(self, name: str) -> None:
        self._describe(name=str(name))

    @property
    def notes(self) -> str:
        return self._info.notes

    @notes.setter
    def notes(self, notes: str) -> None:
        self._describe(notes=str(notes))

    @property
    def tags(self) -> tuple[str, ...]:
        return self._info.tags

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._describe(tags=tuple(map(str, tags)))

    @property
    def project(self) -> str:
        return self._info.project

    @property
    def entity(self) -> str:
        return self._info.entity

    @property
    def group(self) -> str:
        return self._info.group

    @property
    def job_type(self) -> str:
        return self._info.job_type

    @property
    def sweep_id(self) -> str | None:
        """The sweep that this run is a trial of, if any."""
        return self._info.sweep_id or None

    @property
    def resumed(self) -> bool:
        """Whether an earlier attempt wrote to this run: look into `checkpoint_dir`.

        A script that asks for it before its first log() goes on with the history of that attempt.
        """
        self._journal.go_on()
        return self._info.resumed

    @property
    def disabled(self) -> bool:
        """Whether this object records nothing (see the class)."""
        return not self._journal.records

    @property
    def url(self) -> str | None:
        """Where the run is shown; None where it is only kept in its folder for now."""
        return self._info.url or None

    @property
    def starting_step(self) -> int:
        """The first step that this process may log: 0, or the one after what came before."""
        return self._info.starting_step

    @property
    def start_time(self) -> float:
        """Seconds since 1970, UTC."""
        return self._started

    @property
    def step(self) -> int:
        """The step that the next log() without one of its own goes to; asking goes on with it."""
        self._journal.go_on()
        return self._journal.step

    @property
    def config(self) -> Config:
        return self._config

    @property
    def summary(self) -> Summary:
        return self._summary

    @property
    def dir(self) -> str:
        """The folder for files that belong to the run."""
        return str(self._folder.files) if self._folder else self._scratch()

    @property
    def checkpoint_dir(self) -> str:
        """A folder that outlives this attempt: what is saved here, a retry of the trial finds."""
        kept = self._folder.checkpoints if self._folder else None
        if kept is not None and kept.is_dir() and any(kept.iterdir()):
            self._journal.go_on()
        return str(self._folder.checkpoints) if self._folder else self._scratch()

    def _scratch(self) -> str:
        # A run that records nothing still gives a script somewhere to save to.
        if self._temporary is None:
            import shutil  # seldom needed, and slow to import
            import tempfile

            self._temporary = tempfile.mkdtemp(prefix="opensweep-")
            atexit.register(shutil.rmtree, self._temporary, ignore_errors=True)
        return self._temporary

    # -- history -----------------------------------------------------------------------------

    def log(
        self,
        data: Mapping[str, Any],
        step: int | None = None,
        commit: bool | None = None,
    ) -> None:
        """Record metrics at the current step.

        Without `step`, each call completes a step and the next goes to the one after, unless
        `commit=False`: then the next call adds to it. With `step`, the row stays open for more
        until a later step comes, unless `commit=True`; a step that went by is warned about and
        dropped. What was logged survives a kill -9 as soon as this returns.

        Raises UsageError (also a ValueError) when `data` is no mapping or the run has finished.
        """
        # Each run has a `log` of its own (see __init__): this one tells what it does.
        self._journal.log(data, step, commit)

    def define_metric(
        self,
        name: str,
        step_metric: Any = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> MetricDefined:
        """Say how a metric, or every one that a glob such as "val/*" names, is summarised.

        `summary`: min, max, mean, last, first, best, copy or none, several with commas; `goal`
        (minimize | maximize) says what best means. `step_metric` is the metric's x axis; unless
        `step_sync` is False, rows without it get its last value. Raises UsageError.
        """
        kinds = tuple(part.strip().lower() for part in (summary or "").split(",") if part.strip())
        unknown = [kind for kind in kinds if kind not in KINDS]
        if not isinstance(name, str) or not name:
            raise UsageError(f"define_metric() takes the name of a metric, not {name!r}")
        if unknown:
            raise UsageError(
                f"define_metric({name!r}): summary {unknown[0]!r} is none of {', '.join(KINDS)}"
            )
        if goal not in (None, "minimize", "maximize"):
            raise UsageError(f"define_metric({name!r}): goal {goal!r} is not minimize or maximize")
        if "*" in name[:-1]:
            raise UsageError(
                f"define_metric({name!r}): a glob has its * at the end alone, as in 'val/*'"
            )
        x_axis = getattr(step_metric, "name", step_metric)
        if x_axis is not None and not isinstance(x_axis, str):
            raise UsageError(
                f"define_metric({name!r}): step_metric takes the name of a metric, not {x_axis!r}"
            )
        sync = bool(x_axis) if step_sync is None else step_sync
        defined = MetricDefined(
            name, x_axis, bool(x_axis) and sync, bool(hidden), kinds, goal, bool(overwrite)
        )
        self._journal.define(defined)
        return defined

    # -- the rest of the record --------------------------------------------------------------

    def _set_summary(self, values: dict[str, Any], removed: Sequence[str]) -> None:
        self._journal.record(SummaryUpdate(flatten(values), tuple(removed)))

    def _config_changed(self, key: str) -> None:
        value: Any = self._config[key]
        value = value.as_dict() if isinstance(value, Config) else value
        if type(value).__module__ == "logging_core.artifacts.artifact":
            self._journal.warn_once(
                f"config.{key} is an Artifact: its name alone is kept there, not that the run uses "
                "it; run.use_artifact(…) records that"
            )
            value = value.name
        self._journal.record(ConfigUpdate({key: plain(value, self._journal.warn_once)}))

    def _describe(self, **said: Any) -> None:
        self._info = self._info._replace(**said)
        self._journal.record(MetadataUpdate(said))

    # -- the end -----------------------------------------------------------------------------

    def start(self, *, on_finish: Callable[[Run, bool], Fate | None]) -> None:
        """Watch for the end of the process, and keep what is printed. init() calls this."""
        self._on_finish = on_finish
        if self._hooks:
            self._ending = ending.Ending(self._finish)
            self._ending.install()
        if self._console is not None:
            try:
                self._console.start()
            except OSError as error:
                self._journal.warn_once(f"what is printed is not kept: {error}")
        if self._helper is not None:
            self._helper.start()

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """The run is over: complete the open step, record the exit code, show the summary.

        Where a server is known, waits until it has all of the run: OPENSWEEP_FINISH_WAIT_S seconds
        at most (10), and not at all while the server does not answer. Further calls do nothing.
        """
        if quiet:
            self._silent = True
        self._finish(exit_code or 0, waits=True)

    def _finish(self, exit_code: int, waits: bool = False) -> None:
        if self._helper is not None:
            self._helper.stop()  # what it captures is recorded before the end is
        if not self._journal.close(exit_code):
            return
        if self._ending is not None:
            self._ending.remove()
        if self._journal.records:
            self._report(exit_code)
        if self._console is not None:
            self._console.stop()
        # What fails ends at once: whoever ends it may not be patient.
        fate = self._on_finish(self, waits or exit_code == 0)
        if self._journal.records and self._folder is not None and not self._silent:
            trial = bool(self.sweep_id)
            say_fate(self.id, self._folder.path, self.url, fate, trial=trial)

    def _report(self, exit_code: int) -> None:
        summary = self._journal.summary()
        if self._metric and exit_code == 0 and self._metric not in summary:
            logged = ", ".join(sorted(summary)) or "nothing"
            terminal.warn(f"the objective {self._metric!r} was never logged; logged: {logged}")
        if self._silent:
            return
        report = terminal.end_report(self._journal.curves(), summary)
        if report:
            terminal.say("\n" + report + "\n")

    def forked(self) -> None:
        """Called in a forked child: the files are the parent's."""
        self._journal.abandon()
        self.__dict__["log"] = self._journal.log
        if self._helper is not None:
            self._helper.forked()
        if self._ending is not None:
            self._ending.remove()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._finish(ending.exit_code_of(error))

    def __deepcopy__(self, _memo: Any) -> Run:
        return self  # a copy of whatever holds it is of the same run

    def __reduce__(self) -> Any:
        raise UsageError(
            f"run {self.id} cannot be sent to another process: log in this one, or call "
            f"init(id={self.id!r}, mode='shared') in each of them"
        )

    def __repr__(self) -> str:
        return f"<Run {self.id} at step {self.step}>"
