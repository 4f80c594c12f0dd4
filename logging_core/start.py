"""Open a run: its place, its config, its writer; and have it carried to the server.

One function for init(): `open_run`. Trouble with the disk becomes a warning and a run that
records nothing; only wrong use raises. Neighbours: active.py asks, place.py finds the folder,
follower.py carries it, run.py is what comes out.
"""

from __future__ import annotations

import os
import sys
import time

from logging_core import earlier, follower, place, sharing, terminal
from logging_core.config import Config
from logging_core.console import capture
from logging_core.environment import Environment, read
from logging_core.errors import UsageError
from logging_core.folder import RunFolder, WriterName
from logging_core.given import as_mapping, read_file
from logging_core.helper import Helper
from logging_core.hints import Any, NamedTuple, Sequence
from logging_core.home import known_server
from logging_core.journal import Journal
from logging_core.place import Asked, Place
from logging_core.records import (
    ConfigUpdate,
    MetadataUpdate,
    RecordError,
    SummaryUpdate,
    Writer,
    WriterBusy,
)
from logging_core.run import Run, RunInfo
from logging_core.values import plain

MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")
_SENT = ("online", "shared", "run")
_KEPT = ("parent", "fork_step", "resume")  # of a place, in run.json, for whoever ships the folder
_NOT_IN_PROJECTS = "/\\#?%:"
_DEFAULTS_FILE = "config-defaults.yaml"


class _Sending(NamedTuple):
    """Where the run goes while it is written: its address at the server; or why nowhere."""

    url: str = ""
    why_not: str = ""
    wrong: bool = False  # said whether or not somebody asked for it


def chosen(
    config: Any, include: Sequence[str] | None, exclude: Sequence[str] | None
) -> dict[str, Any]:
    """The script's config as a dict, with only (or without) the keys that it names."""
    if include and exclude:
        raise UsageError("init(): give config_include_keys or config_exclude_keys, not both")
    values = as_mapping(config)
    if include:
        return {key: value for key, value in values.items() if key in include}
    return {key: value for key, value in values.items() if key not in (exclude or ())}


def _check_project(project: str) -> None:
    """Raises UsageError for a name that no path can carry, as W&B does."""
    wrong = next((each for each in project if each in _NOT_IN_PROJECTS), None)
    if wrong is not None:
        raise UsageError(
            f"init(): project {project!r} has {wrong!r} in it; a project's name has none of "
            f"{' '.join(_NOT_IN_PROJECTS)} (somebody's name goes into entity=)"
        )


def open_run(asked: Asked, env: Environment) -> Run:
    """The run, its folder ready and its writer open. Raises UsageError."""
    mode = asked.mode or env.mode or "online"
    if mode not in MODES:
        raise UsageError(f"init(): mode {mode!r} is none of {', '.join(MODES[:4])}")
    if not env.run_dir:
        _check_project(asked.project or env.project or "")
    primary = asked.primary is not False and env.primary and env.rank == 0
    shared = mode == "shared" or asked.primary is False
    records = mode != "disabled" and (env.rank == 0 or shared)
    if env.run_dir:
        found = place.of_agent(env, shared)
    else:
        found = place.of_its_own(asked, env, records=records, shared=shared)
    before = found.before or earlier.nothing()
    info = _info(found, {**found.metadata, **before.metadata}, before.next_step, asked, env)
    if records and shared and found.folder is not None:
        found = _with_a_lane(found, found.folder, asked, env, primary)
    begun = found.folder is not None and not shared and found.folder.records(found.writer).exists()
    config = Config(found.config, locked=found.locked)
    said = config.take(
        {**_defaults_file(), **before.config, **asked.config, **_files(env.config_paths)}
    )
    if asked.allow_val_change is False or not (
        asked.allow_val_change or "ipykernel" in sys.modules
    ):
        config.fix(nested=asked.allow_val_change is False)
    writer = _open_writer(found, info, config) if records else None
    folder = found.folder
    silent = asked.silent or env.silent
    if writer is not None and folder is not None:
        own = {key: config[key] for key in said}
        # An agent's attempt may yet start over: what came before is not its own before it says so.
        carried = before.fold.carried_over() if not env.run_dir else None
        _introduce(writer, found.writer, info, own, asked.ends_run is not False, carried)
        sending = _Sending()
        if mode in _SENT and not env.run_dir and not (shared and not primary):
            sending = _send(folder, info)
            info = info._replace(url=sending.url, followed=sending.url != "")
        if not silent:
            terminal.say(_header(info, folder, before.next_step))
        if sending.why_not and (sending.wrong or asked.mode or env.mode):
            terminal.say(
                f"{sending.why_not}: the run is kept in its folder, and "
                f"`sweep sync {folder.path}` sends it"
            )
    console = None
    journal = Journal(
        writer,
        fold=before.fold,
        first_step=before.next_step,
        resumed=found.resumed,
        # A run that init() is told to go on with, and a second init() in one attempt, go on.
        goes_on=not env.run_dir or bool(asked.resume) or begun,
        carries_over=bool(env.run_dir) and not begun,
        earlier_rows=found.earlier_rows,
    )
    helper = None
    if writer is not None and folder is not None:
        duties = asked.duties.beside(agent=env.run_dir != "", first=primary)
        helper = Helper(duties, folder.files, folder.system(found.writer), journal.record)
        console = capture(folder.console(found.writer), asked.console or env.console)
    return Run(
        info,
        config=config,
        folder=folder,
        journal=journal,
        helper=helper,
        console=console,
        metric=env.metric,
        silent=silent or writer is None,
        hooks=mode != "disabled",
    )


def _info(
    found: Place, metadata: dict[str, Any], step: int, asked: Asked, env: Environment
) -> RunInfo:
    run_id = found.run_id or place.new_id()
    trial = env.run_dir != ""
    # As with W&B, a trial belongs to its sweep's project, whatever the script says; and a run that
    # is gone on with stays where it is.
    project, entity = metadata.get("project"), metadata.get("entity")
    if not (trial or found.resumed):
        project, entity = asked.project or env.project or project, asked.entity or env.entity
    return RunInfo(
        id=run_id,
        name=asked.name or env.name or metadata.get("name") or run_id,
        project=project or asked.project or env.project or "uncategorized",
        entity=entity or asked.entity or env.entity,
        sweep_id=metadata.get("sweep_id") or env.sweep_id,
        notes=asked.notes or env.notes or metadata.get("notes") or "",
        group=asked.group or env.group or metadata.get("group") or "",
        job_type=asked.job_type or env.job_type or metadata.get("job_type") or "",
        tags=asked.tags or env.tags or tuple(metadata.get("tags") or ()),
        resumed=found.resumed,
        starting_step=step,
        url=env.run_url if trial else "",
    )


def _with_a_lane(
    found: Place, folder: RunFolder, asked: Asked, env: Environment, primary: bool
) -> Place:
    """In shared mode: a record file of this process's own. The first one's has no lane."""
    lane = asked.label or env.label or (f"rank{env.rank}" if env.rank else f"p{os.getpid()}")
    wanted = ("", lane) if primary else (lane,)
    try:
        return found._replace(writer=sharing.take_lane(folder, found.writer.token, *wanted))
    except OSError as error:
        terminal.warn(f"{folder.path} cannot be written ({error.strerror}): nothing is recorded")
        return found._replace(folder=None)


def _open_writer(found: Place, info: RunInfo, config: Config) -> Writer | None:
    """The open record file; None, after a warning, when this process cannot have it."""
    folder = found.folder
    if folder is None:
        return None
    try:
        if not folder.run_json.exists():
            kept = {name: found.metadata[name] for name in _KEPT if name in found.metadata}
            RunFolder.create(
                folder.path,
                run_id=info.id,
                config=plain(config),
                locked=found.locked,
                metadata={**_said(info), **_process(), **kept},
            )
        for part in (folder.files, folder.checkpoints):
            part.mkdir(parents=True, exist_ok=True)
        return Writer(folder.records(found.writer))
    except WriterBusy:
        terminal.warn(
            f"another process records run {info.id}: what this one logs is not recorded. Call "
            "init() in one process only, or init(mode='shared') in each of them"
        )
    except (OSError, RecordError) as error:
        terminal.warn(
            f"the run folder {folder.path} cannot be written: {error}. Nothing is recorded"
        )
    return None


def _introduce(
    writer: Writer,
    name: WriterName,
    info: RunInfo,
    config: dict[str, Any],
    ends_run: bool,
    carried: SummaryUpdate | None,
) -> None:
    """The first records of a writer: who the script says that it is, its own config, and the
    summary that it goes on with."""
    said = {**_said(info), **_process()}
    if name.lane:  # the run is the first process's to describe
        said = {f"lane.{name.lane}": {**_process(), "ends_run": ends_run}}
    try:
        writer.add(MetadataUpdate({key: value for key, value in said.items() if value}))
        if config:
            writer.add(ConfigUpdate(plain(config)))
        if carried is not None and carried.values:
            writer.add(carried)
    except OSError as error:
        terminal.warn(f"{writer.path} cannot be written: {error.strerror}")


def _said(info: RunInfo) -> dict[str, Any]:
    values = info._asdict()
    return {
        key: value
        for key, value in values.items()
        if key not in ("starting_step", "url", "followed")
    }


def _process() -> dict[str, Any]:
    from logging_core import masking  # its patterns take a while to compile

    return {
        "started": time.time(),
        "host": os.uname().nodename,
        "username": read().username,
        "pid": os.getpid(),
        "program": sys.argv[0] if sys.argv else "",
        "args": masking.arguments(sys.argv[1:]),
        "python": sys.version.split()[0],
    }


def _send(folder: RunFolder, info: RunInfo) -> _Sending:
    known = known_server()
    if known is None:
        return _Sending(why_not="no server is known here (OPENSWEEP_URL)")
    scheme, _, host = known.url.partition("://")
    if scheme not in ("http", "https") or not host or "@" in host:
        shown = known.url.rpartition("@")[2]  # what stands before may be a secret
        return _Sending(
            why_not=f"OPENSWEEP_URL is {shown!r}, which is no URL (http://HOST:PORT)", wrong=True
        )
    if known.key is None:
        return _Sending(why_not="the server's key is not known here (OPENSWEEP_API_KEY)")
    if not follower.installed():
        return _Sending(why_not=f"opensweep is not installed whole in {sys.prefix}")
    if not follower.follow(folder.path):
        return _Sending(why_not="it could not be started")
    return _Sending(f"{known.url}/runs/{info.id}")


def folder_that_is_sent(run: Run) -> RunFolder | None:
    """The folder of a run that a follower carries; None: nobody does."""
    return RunFolder(os.path.dirname(run.dir)) if run._info.followed and not run.disabled else None


def _defaults_file() -> dict[str, Any]:
    """W&B's config-defaults.yaml in the working directory, if there is one."""
    return _files((_DEFAULTS_FILE,)) if os.path.exists(_DEFAULTS_FILE) else {}


def _files(paths: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path in paths:
        try:
            values.update(read_file(path))
        except UsageError as error:
            terminal.warn(f"{path} is not used: {error}")
    return values


def _header(info: RunInfo, folder: RunFolder, next_step: int) -> str:
    belongs = f"trial of sweep {info.sweep_id}" if info.sweep_id else f"project {info.project}"
    named = f" {info.name!r}" if info.name != info.id else ""
    again = "tried again" if info.sweep_id else "goes on"
    goes_on = f", {again} after step {next_step - 1}" if next_step else ""
    sent = f"\nis being sent to {info.url}" if info.url else ""
    return f"run {info.id}{named} ({belongs}{goes_on})\nkept in {folder.path}{sent}"
