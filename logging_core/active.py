"""The run of this process: init(), and the module-level functions that go to it.

`opensweep` re-exports what is here. init() decides from its arguments and the environment whether
and where this process records: in the folder that the agent made, in one of its own, or (mode
"disabled", another rank than 0, trouble with the disk) nowhere, with the config all the same.
Neighbours: environment.py reads the variables, start.py opens folders, run.py is what is made.
"""

from __future__ import annotations

import os

from logging_core import environment, follower, start, terminal
from logging_core.errors import UsageError
from logging_core.fate import Fate
from logging_core.helper import Duties
from logging_core.hints import Any, Callable, Mapping, Sequence
from logging_core.place import Asked
from logging_core.records import MetricDefined
from logging_core.run import Run

_run: Run | None = None
_run_pid = 0  # a forked child inherits `_run`, but it is no run of its own


class Settings:
    """W&B's settings, by keyword: those that have a meaning here are used (mode, console, silent,
    quiet, project, entity, root_dir, run_id, run_name, run_notes, run_tags, run_group,
    run_job_type, resume, resume_from, fork_from, reinit, allow_val_change, save_code, x_label,
    x_primary, x_update_finish_state, x_stats_sampling_interval, x_disable_stats, x_disable_meta,
    disable_git, disable_code); the others are taken and change nothing."""

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)

    def get(self, name: str) -> Any:
        return self.__dict__.get(name)


def init(
    entity: str | None = None,
    project: str | None = None,
    dir: str | os.PathLike[str] | None = None,
    id: str | None = None,
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | str | None = None,
    config: Any = None,
    config_exclude_keys: Sequence[str] | None = None,
    config_include_keys: Sequence[str] | None = None,
    allow_val_change: bool | None = None,
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    force: bool | None = None,
    anonymous: Any = None,
    reinit: bool | str | None = None,
    resume: bool | str | None = None,
    resume_from: str | None = None,
    fork_from: str | None = None,
    save_code: bool | None = None,
    tensorboard: bool | None = None,
    sync_tensorboard: bool | None = None,
    monitor_gym: bool | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    magic: Any = None,
) -> Run:
    """Start tracking; returns the run, also available as `opensweep.run`.

    Under `sweep agent` the config holds the trial's values, locked; `config` adds the script's
    own. Without an agent the run gets a folder under ./opensweep (or `dir`, $OPENSWEEP_DIR).

    Args:
        config: a dict, a namespace, a dataclass, a configuration of another library (given.py has
            the list), or the path of a JSON or YAML file.
        mode: "online" (default) records to the run folder and, where a server is known, has it
            sent there meanwhile; "offline" records to the folder alone, `sweep sync` sends it;
            "disabled" records nothing; "shared": this is one of several processes that record one
            run (under an agent, or with the same `id` and `dir`), each with steps of its own.
        reinit: with a run active, None or "return_previous" returns that run; True or
            "finish_previous" finishes it first; "create_new" leaves it alone.
        resume: "allow" goes on with an earlier run of this `id`, from its last step; "must" raises
            UsageError if there is none, "never" if there is one; "auto" (or True) goes on with the
            last run of this directory that was begun so and did not finish. A run that is not on
            this machine is asked of the server, where one is known.
        fork_from: "RUN?_step=N": a new run that begins with that one's history up to step N.
        resume_from: the same run, gone back to that step: its later rows count no more.
        allow_val_change: True: a config value that is set may change later (in a notebook it may).
        entity, project, name, notes, tags, group, job_type: recorded with the run.
        save_code: keep a copy of the main script with the run.
        force, anonymous, magic: W&B's; they change nothing here.

    Raises UsageError for an argument that makes no sense, TypeError for one that does not exist.
    """
    global _run, _run_pid
    del force, anonymous, magic
    given = settings if isinstance(settings, Settings) else Settings(**(settings or {}))
    reinit = given.get("reinit") if reinit is None else reinit
    if _run is not None and _run_pid == os.getpid() and reinit != "create_new":
        if reinit not in (True, "finish_previous"):
            return _run
        _run.finish()
    for argument, wanted in (
        ("sync_tensorboard", sync_tensorboard or tensorboard),
        ("monitor_gym", monitor_gym),
    ):
        if wanted:
            terminal.warn(f"init({argument}=…) has no effect: opensweep does not do this yet")
    env = environment.read()
    run = start.open_run(
        Asked(
            entity=entity or given.get("entity"),
            project=project or given.get("project"),
            dir=dir or given.get("root_dir"),
            id=id or given.get("run_id"),
            name=name or given.get("run_name"),
            notes=notes or given.get("run_notes"),
            tags=(tags,) if isinstance(tags, str) else tuple(tags or given.get("run_tags") or ()),
            group=group or given.get("run_group"),
            job_type=job_type or given.get("run_job_type"),
            mode=mode or given.get("mode"),
            resume=given.get("resume") if resume is None else resume,
            fork_from=fork_from or given.get("fork_from"),
            resume_from=resume_from or given.get("resume_from"),
            label=given.get("x_label"),
            primary=given.get("x_primary"),
            ends_run=given.get("x_update_finish_state"),
            console=given.get("console"),
            silent=bool(given.get("silent") or given.get("quiet")),
            duties=Duties.of(given.get, save_code, env),
            config=start.chosen(config, config_include_keys, config_exclude_keys),
            allow_val_change=(
                given.get("allow_val_change") if allow_val_change is None else allow_val_change
            ),
        ),
        env,
    )
    run.start(on_finish=_forget)
    _runs.add(run)
    if reinit != "create_new" or _run is None:
        _run, _run_pid = run, os.getpid()
    return run


def _forget(run: Run, waits: bool) -> Fate | None:
    global _run
    _runs.discard(run)
    if _run is run:
        _run = None
    folder = start.folder_that_is_sent(run)
    if folder is None:
        return None
    said = environment.read().finish_wait_s
    wait_s = said if said is not None or waits else 0.0
    return follower.see_to_the_end(folder.path, folder.last_token(), wait_s)


def active() -> Run | None:
    """The run that the module-level functions go to: `opensweep.run`."""
    return _run


def _needed(what: str) -> Run:
    if _run is None:
        raise UsageError(f"call opensweep.init() before opensweep.{what}")
    return _run


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """Run.log of the active run."""
    _needed("log()").log(data, step, commit)


def define_metric(name: str, *args: Any, **kwargs: Any) -> MetricDefined:
    """Run.define_metric of the active run."""
    return _needed("define_metric()").define_metric(name, *args, **kwargs)


def method(name: str) -> Callable[..., Any]:
    """The module-level function of that name: the same method of the active run."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(_needed(f"{name}()"), name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Run.{name} of the active run."
    return call


def restore(
    name: str, run_path: str | None = None, replace: bool = False, root: str | None = None
) -> Any:
    """Run.restore of the active run. Without one, `run_path` says whose file it is, and it comes
    into the working directory (or `root`)."""
    from logging_core import saving

    if _run is None and not run_path:
        raise UsageError("restore() needs run_path=… before opensweep.init(): whose file is it?")
    return saving.restore(_run, name, run_path, replace, root)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """Run.finish of the active run; nothing without one."""
    if _run is not None:
        _run.finish(exit_code, quiet)


def setup(*_args: Any, **_kwargs: Any) -> None:
    """Nothing: there is no service to start. For scripts written for W&B."""


def teardown(exit_code: int | None = None) -> None:
    """Finish every run of this process. For scripts written for W&B."""
    for run in list(_runs):
        run.finish(exit_code)


def login(*_args: Any, **_kwargs: Any) -> bool:
    """True: there is no account to log in to. For scripts written for W&B."""
    return True


class BeforeInit:
    """What `opensweep.config` and `opensweep.summary` are while no run is active."""

    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _needed(f"{self._name}.{name}")

    def __setattr__(self, name: str, _value: Any) -> None:
        _needed(f"{self._name}.{name}")

    def __getitem__(self, name: str) -> Any:
        return _needed(f"{self._name}[{name!r}]")

    def __setitem__(self, name: str, _value: Any) -> None:
        _needed(f"{self._name}[{name!r}]")

    def __repr__(self) -> str:
        return f"<opensweep.{self._name}: call opensweep.init() first>"


_runs: set[Run] = set()  # every run of this process that has not finished


def _after_fork() -> None:
    for run in _runs:
        run.forked()
    _runs.clear()


os.register_at_fork(after_in_child=_after_fork)
