"""Open a run: find or make its folder, its config, its writer, and what came before.

One function for init(): `open_run`. Trouble with the disk becomes a warning and a run that
records nothing; only wrong use raises. Neighbours: active.py asks, run.py is what comes out.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from logging_core import terminal
from logging_core.config import Config
from logging_core.console import ConsoleCapture
from logging_core.environment import Environment
from logging_core.errors import UsageError
from logging_core.folder import RunFolder
from logging_core.given import as_mapping, read_file
from logging_core.journal import Journal
from logging_core.records import (
    ConfigUpdate,
    History,
    MetadataUpdate,
    Reader,
    RecordError,
    Writer,
    WriterBusy,
)
from logging_core.run import Run, RunInfo
from logging_core.summary import SummaryFold
from logging_core.values import plain

MODES = ("online", "offline", "disabled", "dryrun", "shared", "run")
_DEFAULTS_FILE = "config-defaults.yaml"
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Asked(NamedTuple):
    """What the script said in init(); None (or empty) where it said nothing."""

    entity: str | None
    project: str | None
    dir: str | os.PathLike[str] | None
    id: str | None
    name: str | None
    notes: str | None
    tags: tuple[str, ...]
    group: str | None
    job_type: str | None
    mode: str | None
    resume: bool | str | None
    console: str | None
    silent: bool
    config: dict[str, Any]


class _Earlier(NamedTuple):
    """What the records of earlier writers (or of this one, opened again) come to."""

    fold: SummaryFold
    config: dict[str, Any]
    next_step: int


class _Place(NamedTuple):
    """Where a run records, and what was handed in there."""

    folder: RunFolder | None
    writer: str
    resumed: bool
    metadata: dict[str, Any]
    config: dict[str, Any]
    locked: bool


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


def open_run(asked: Asked, env: Environment) -> Run:
    """The run, its folder ready and its writer open. Raises UsageError."""
    mode = asked.mode or env.mode or "online"
    if mode not in MODES:
        raise UsageError(f"init(): mode {mode!r} is none of {', '.join(MODES[:3])}")
    records = mode != "disabled" and env.rank == 0
    place = _agents_folder(env) if env.run_dir else _own_folder(asked, env, records)
    metadata = place.metadata
    run_id = str(metadata.get("run_id") or env.run_id or asked.id or _new_id())
    info = RunInfo(
        id=run_id,
        name=asked.name or env.name or metadata.get("name") or run_id,
        # As with W&B, a trial belongs to its sweep's project, whatever the script says.
        project=metadata.get("project") or asked.project or env.project or "uncategorized",
        entity=metadata.get("entity") or asked.entity or env.entity,
        sweep_id=metadata.get("sweep_id") or env.sweep_id,
        notes=asked.notes or env.notes or metadata.get("notes") or "",
        group=asked.group or env.group or metadata.get("group") or "",
        job_type=asked.job_type or env.job_type or metadata.get("job_type") or "",
        tags=asked.tags or env.tags or tuple(metadata.get("tags") or ()),
        resumed=place.resumed,
    )
    earlier = _Earlier(SummaryFold(), {}, 0)
    begun = False
    if place.folder is not None:
        begun = place.folder.records(place.writer).exists()
        writers = place.folder.writers() if place.resumed else [place.writer]
        # Another rank is no writer: what rank 0 has recorded by now is not what came before.
        writers = [name for name in writers if records or name != place.writer]
        earlier = _read_earlier(place.folder, writers)
    config = Config(place.config, locked=place.locked)
    said = config.take({**_defaults_file(), **earlier.config, **asked.config})
    writer = _open_writer(place, info, config) if records else None
    folder = place.folder
    silent = asked.silent or env.silent
    if writer is not None:
        _introduce(writer, info, {key: config[key] for key in said})
        if not silent:
            terminal.say(_header(info, writer.path, earlier.next_step))
    console_setting = asked.console or env.console
    keeps_console = writer is not None and console_setting not in ("agent", "off")
    return Run(
        info,
        config=config,
        folder=folder,
        journal=Journal(
            writer,
            fold=earlier.fold,
            first_step=earlier.next_step,
            resumed=place.resumed,
            # A run that init() is told to resume, and a second init() in one attempt, go on.
            goes_on=not env.run_dir or bool(asked.resume) or begun,
        ),
        console=ConsoleCapture(folder.console(place.writer)) if folder and keeps_console else None,
        metric=env.metric,
        silent=silent or writer is None,
        hooks=mode != "disabled",
    )


def _agents_folder(env: Environment) -> _Place:
    folder = RunFolder(env.run_dir)
    try:
        metadata, config = folder.read_metadata(), folder.read_config()
    except (OSError, ValueError) as error:
        raise UsageError(f"the run folder {folder.path} cannot be read: {error}") from None
    return _Place(
        folder, env.writer or "1", env.resumed, metadata, config, bool(metadata.get("locked"))
    )


def _own_folder(asked: Asked, env: Environment, records: bool) -> _Place:
    """Without an agent: a new folder, or that of the run which is to be resumed."""
    sweep_values = read_file(env.sweep_param_path) if env.sweep_param_path else {}
    place = _Place(None, "1", False, {}, sweep_values, bool(sweep_values))
    if not records:
        return place
    run_id = asked.id or env.run_id or _new_id()
    base = _base(asked, env)
    old = RunFolder(base / run_id)
    exists = old.run_json.exists()
    if asked.resume == "never" and exists:
        raise UsageError(f"init(resume='never'): there is a run {run_id} already in {old.path}")
    if asked.resume == "must" and not exists:
        raise UsageError(f"init(resume='must'): there is no run {run_id} in {base}")
    if exists and asked.resume in (True, "allow", "must", "auto"):
        last = max((int(name) for name in old.writers() if name.isdigit()), default=0)
        return place._replace(
            folder=old,
            writer=str(last + 1),
            resumed=True,
            metadata=old.read_metadata(),
            config={**old.read_config(), **sweep_values},
        )
    try:
        folder = _make_folder(base, run_id)
    except OSError as error:
        import tempfile  # seldom needed, and slow to import

        fallback = Path(tempfile.gettempdir()) / "opensweep"
        terminal.warn(f"{base} cannot be written ({error.strerror}): using {fallback}")
        try:
            folder = _make_folder(fallback, run_id)
        except OSError as second:
            terminal.warn(f"neither can {fallback} ({second.strerror}): nothing is recorded")
            return place
    return place._replace(folder=folder, metadata={"run_id": run_id})


def _base(asked: Asked, env: Environment) -> Path:
    if asked.dir:
        return Path(asked.dir) / "opensweep"
    if env.base_dir:
        return Path(env.base_dir)
    # Beside a checkout of our own package, its folder is not the place for runs.
    own = Path("opensweep")
    return Path(".opensweep" if (own / "__init__.py").exists() else own).absolute()


def _make_folder(base: Path, run_id: str) -> RunFolder:
    """A folder that no other run has: the name gets a number when it is taken."""
    if not base.is_dir():
        base.mkdir(parents=True, exist_ok=True)
        (base / ".gitignore").write_text("*\n")
    number = 1
    while True:
        path = base / (run_id if number == 1 else f"{run_id}-{number}")
        try:
            path.mkdir()
            return RunFolder(path)
        except FileExistsError:
            number += 1


def _open_writer(place: _Place, info: RunInfo, config: Config) -> Writer | None:
    """The open record file; None, after a warning, when this process cannot have it."""
    folder = place.folder
    if folder is None:
        return None
    try:
        if not folder.run_json.exists():
            RunFolder.create(
                folder.path,
                run_id=info.id,
                config=plain(config),
                locked=place.locked,
                metadata={**info._asdict(), **_process()},
            )
        for part in (folder.files, folder.checkpoints):
            part.mkdir(parents=True, exist_ok=True)
        return Writer(folder.records(place.writer))
    except WriterBusy:
        terminal.warn(
            f"another process records run {info.id}: what this one logs is not recorded. Call "
            "init() in one process only, or unset OPENSWEEP_RUN_DIR in the others"
        )
    except (OSError, RecordError) as error:
        terminal.warn(
            f"the run folder {folder.path} cannot be written: {error}. Nothing is recorded"
        )
    return None


def _introduce(writer: Writer, info: RunInfo, config: dict[str, Any]) -> None:
    """The first records of a writer: who the script says that it is, and its own config."""
    said = {**info._asdict(), **_process()}
    try:
        writer.add(MetadataUpdate({key: value for key, value in said.items() if value}))
        if config:
            writer.add(ConfigUpdate(plain(config)))
    except OSError as error:
        terminal.warn(f"{writer.path} cannot be written: {error.strerror}")


def _process() -> dict[str, Any]:
    return {
        "started": time.time(),
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "program": sys.argv[0] if sys.argv else "",
        "args": sys.argv[1:],
        "python": sys.version.split()[0],
    }


def _read_earlier(folder: RunFolder, writers: Sequence[str]) -> _Earlier:
    """Fold what these writers recorded before."""
    fold = SummaryFold()
    config: dict[str, Any] = {}
    next_step = 0
    for writer in writers:
        reader = Reader(folder.records(writer))
        try:
            while True:
                records = reader.read(10_000, final=True)
                if not records:
                    break
                for record in records:
                    fold.apply(record)
                    if isinstance(record, History):
                        next_step = record.step + 1
                    elif isinstance(record, ConfigUpdate):
                        config.update(record.values)
        except (OSError, RecordError) as error:
            terminal.warn(f"earlier records cannot be read: {error}")
    return _Earlier(fold, config, next_step)


def _defaults_file() -> dict[str, Any]:
    """W&B's config-defaults.yaml in the working directory, if there is one."""
    if not os.path.exists(_DEFAULTS_FILE):
        return {}
    try:
        return read_file(_DEFAULTS_FILE)
    except UsageError as error:
        terminal.warn(f"{_DEFAULTS_FILE} is not used: {error}")
        return {}


def _header(info: RunInfo, path: str, next_step: int) -> str:
    belongs = f"trial of sweep {info.sweep_id}" if info.sweep_id else f"project {info.project}"
    named = f" {info.name!r}" if info.name != info.id else ""
    goes_on = f", tried again after step {next_step - 1}" if info.resumed and next_step else ""
    return f"run {info.id}{named} ({belongs}{goes_on})\nkept in {os.path.dirname(path)}"


def _new_id() -> str:
    # Not from `random`: scripts seed it, and every run of theirs would get the same id.
    return "".join(_ID_LETTERS[byte % 36] for byte in os.urandom(8))
