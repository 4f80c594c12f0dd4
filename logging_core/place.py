"""Where a run records: the folder that an agent made, one of its own, or one that is gone on with.

Decides which folder and which record file in it are this process's, and what came before; two runs
never share a folder, and two processes never a record file. Trouble with the disk becomes a
warning and a run that records nothing. Neighbours: start.py opens what is found here, earlier.py
reads what came before, folder.py has the names.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path

from logging_core import earlier, sharing, terminal
from logging_core.earlier import Earlier
from logging_core.environment import Environment
from logging_core.errors import Error, UsageError
from logging_core.folder import RunFolder, WriterName, being_written
from logging_core.given import read_file
from logging_core.helper import Duties
from logging_core.hints import Any, Callable, Iterable, NamedTuple
from logging_core.moment import Moment
from logging_core.records import History

RESUMING = ("allow", "must", "auto")
_RESUME = {"true": "auto", "false": "", "never": "never", **{one: one for one in RESUMING}}
_AUTO = "resume.json"  # in the folder of runs: the last one that was begun with resume="auto"
_ID = re.compile(r"[^/\\#?%:;,'\x00-\x20\x7f]{1,128}")
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
    fork_from: str | None
    resume_from: str | None
    label: str | None
    primary: bool | None
    ends_run: bool | None
    console: str | None
    silent: bool
    duties: Duties  # of the helper, as far as the script has a say
    config: dict[str, Any]
    allow_val_change: bool | None


class Place(NamedTuple):
    """`metadata` goes into run.json when the folder is new; `config` is what was handed in."""

    run_id: str
    folder: RunFolder | None = None
    writer: WriterName = WriterName(1)
    resumed: bool = False
    metadata: dict[str, Any] = {}  # noqa: RUF012 - never changed
    config: dict[str, Any] = {}  # noqa: RUF012
    locked: bool = False
    before: Earlier | None = None
    earlier_rows: Callable[[int], Iterable[History]] | None = None


class Wish(NamedTuple):
    """What init() shall go on with, checked: at most one of the three is set."""

    resume: str  # allow | must | never | auto | ""
    fork: Moment | None
    rewind: Moment | None

    @classmethod
    def of(cls, asked: Asked, env: Environment) -> Wish:
        said = env.resume if asked.resume is None else asked.resume
        resume = _RESUME.get(str(said).lower()) if said not in (None, "") else ""
        if resume is None:
            raise UsageError(f"init(): resume {said!r} is none of allow, must, never, auto")
        fork = asked.fork_from or env.fork_from
        rewind = asked.resume_from or env.resume_from
        if sum(map(bool, (resume, fork, rewind))) > 1:
            raise UsageError("init(): give one of resume, fork_from and resume_from, not several")
        return cls(
            resume,
            Moment.parse("fork_from", fork) if fork else None,
            Moment.parse("resume_from", rewind) if rewind else None,
        )


def of_agent(env: Environment, shared: bool) -> Place:
    """The folder that the agent made for this attempt. Raises UsageError."""
    folder = RunFolder(env.run_dir)
    try:
        metadata, config = folder.read_metadata(), folder.read_config()
    except (OSError, ValueError) as error:
        raise UsageError(f"the run folder {folder.path} cannot be read: {error}") from None
    writer = WriterName.parse(env.writer or "1")
    if writer is None:
        raise UsageError(f"OPENSWEEP_WRITER is {env.writer!r}, which no agent sets")
    return Place(
        str(metadata.get("run_id") or env.run_id),
        folder,
        writer,
        env.resumed,
        metadata,
        config,
        bool(metadata.get("locked")),
        _before(folder, writer, env, shared),
        _earlier_rows(folder, writer, env),
    )


def _earlier_rows(
    folder: RunFolder, writer: WriterName, env: Environment
) -> Callable[[int], Iterable[History]] | None:
    """After a detour: what this lane recorded here before. The server shows other rows by now."""
    if not (env.detour and env.resumed):
        return None
    names = [name for name in map(WriterName.parse, folder.writers()) if name]
    lane = [str(n) for n in names if n.token < writer.token and n.lane == writer.lane]
    return lambda below: earlier.rows(folder, lane, below)


def _before(folder: RunFolder, writer: WriterName, env: Environment, shared: bool) -> Earlier:
    """What earlier attempts recorded, and this one so far if it calls init() again."""
    names = [name for name in map(WriterName.parse, folder.writers()) if name]
    found = [name for name in names if name.token < writer.token and env.resumed]
    # Another process is no earlier one: what rank 0 has recorded by now did not come before.
    if env.rank == 0 and not shared:
        found += [name for name in names if name == writer]
    return earlier.read(folder, [str(name) for name in found])


def of_its_own(asked: Asked, env: Environment, *, records: bool, shared: bool) -> Place:
    """Without an agent: a new folder, or that of the run which is gone on with.

    Raises UsageError: there is no such run, or there is one that must not be.
    """
    values = read_file(env.sweep_param_path) if env.sweep_param_path else {}
    wish = Wish.of(asked, env)
    run_id = _checked_id(asked.id or env.run_id, wish)
    place = Place(run_id or new_id(), config=values, locked=bool(values))
    if not records:
        return place
    base = base_folder(asked, env)
    if shared and not wish.fork and not wish.rewind:
        return _shared(base, place, wish)
    old = _last_of(base, run_id) if run_id else None
    if wish.resume == "auto":
        old, run_id = _auto(base, run_id, old)
    else:
        with contextlib.suppress(OSError):
            os.unlink(base / _AUTO)
    place = place._replace(run_id=run_id or place.run_id)
    if wish.fork is not None:
        place = _forked(base, place, wish.fork, asked, env)
    elif wish.resume or wish.rewind:
        place = _gone_on(base, place, wish, old, asked, env, named=bool(run_id))
    place = _in_new_folder(base, place) if place.folder is None else place
    if wish.resume == "auto" and place.folder is not None:
        note = {"run_id": place.run_id, "folder": place.folder.path.name}
        with contextlib.suppress(OSError):
            (base / _AUTO).write_text(json.dumps(note), "utf-8")
    return place


def _checked_id(run_id: str | None, wish: Wish) -> str | None:
    if wish.rewind is not None:
        if run_id and run_id != wish.rewind.run:
            raise UsageError(
                f"init(): id {run_id!r} and resume_from {wish.rewind.run!r} are different runs"
            )
        run_id = wish.rewind.run
    if wish.fork is not None and run_id == wish.fork.run:
        raise UsageError(
            f"init(fork_from=…): the fork of run {run_id!r} needs another id; to go back in the "
            "run itself there is resume_from"
        )
    if run_id and (not _ID.fullmatch(run_id) or run_id in (".", "..")):
        raise UsageError(
            f"init(): id {run_id!r} cannot name a run: 1 to 128 characters, no blank and none of "
            "/ \\ # ? % : ; , '"
        )
    return run_id or None


# -- going on ---------------------------------------------------------------------------------


def _gone_on(
    base: Path,
    place: Place,
    wish: Wish,
    old: RunFolder | None,
    asked: Asked,
    env: Environment,
    *,
    named: bool,
) -> Place:
    """resume and resume_from: in the run's folder, or in a new one of a run that is elsewhere."""
    run_id = place.run_id
    if wish.resume == "never" and old is not None:
        raise UsageError(f"init(resume='never'): there is a run {run_id} already in {old.path}")
    if wish.resume == "must" and not named:
        raise UsageError("init(resume='must') needs the id of the run: init(id=…)")
    upto = wish.rewind.step if wish.rewind else None
    if old is not None:
        if any(being_written(old.records(name)) for name in old.writers()):
            terminal.warn(
                f"another process still records run {run_id}: its part ends where this one begins"
            )
        writer = WriterName(old.last_token() + 1)
        before = earlier.read(old, old.writers(), upto)
        if upto is not None:
            before = _moment_of(before, run_id, upto)
        return place._replace(
            folder=old,
            writer=writer,
            resumed=True,
            metadata=_read_metadata(old),
            config={**old.read_config(), **place.config},
            before=before,
        )
    found = _asked_server(place.run_id, wish, asked, env) if named else None
    if found is None:
        if wish.resume == "must":
            raise UsageError(f"init(resume='must'): there is no run {run_id} in {base}")
        if upto is None:
            return place._replace(metadata={"resume": wish.resume})
        terminal.warn(f"run {run_id} is not in {base}: its config and summary are not known here")
        found = earlier.nothing()
    elif wish.resume == "never":
        raise UsageError(f"init(resume='never'): the server has a run {run_id} already")
    if upto is not None:
        found = found._replace(next_step=upto + 1)
    return place._replace(
        resumed=True, metadata={"resume": wish.resume or "allow", **found.metadata}, before=found
    )


def _forked(base: Path, place: Place, at: Moment, asked: Asked, env: Environment) -> Place:
    parent = _last_of(base, at.run)
    if parent is not None:
        found = _moment_of(earlier.read(parent, parent.writers(), at.step), at.run, at.step)
        found = found._replace(config={**parent.read_config(), **found.config})
        project = _read_metadata(parent).get("project")
    else:
        answer = _asked_server(at.run, Wish("allow", at, None), asked, env)
        if answer is None:
            terminal.warn(f"run {at.run} is not in {base}: what it had at step {at.step} is not "
                          "known here, but its history belongs to this one")  # fmt: skip
            answer = earlier.nothing()
        found, project = answer, answer.metadata.get("project")
    found = found._replace(next_step=at.step + 1, metadata={})
    said = {"parent": at.run, "fork_step": at.step, **({"project": project} if project else {})}
    return place._replace(metadata=said, before=found)


def _moment_of(found: Earlier, run_id: str, step: int) -> Earlier:
    if found.next_step <= step:
        raise UsageError(f"run {run_id} has no step {step}: its last one is {found.next_step - 1}")
    return found._replace(next_step=step + 1)


def _asked_server(run_id: str, wish: Wish, asked: Asked, env: Environment) -> Earlier | None:
    """What a server knows of a run that is not on this machine; None: nothing, or none is known."""
    if (asked.mode or env.mode) in ("offline", "dryrun"):
        return None
    try:
        return earlier.ask(run_id)
    except Error as error:
        if wish.resume == "must":
            raise UsageError(
                f"init(resume='must'): run {run_id} is not on this machine, and {error}"
            ) from None
        terminal.warn(f"whether the server has a run {run_id} is not known: {error}")
        return None


def _auto(
    base: Path, run_id: str | None, old: RunFolder | None
) -> tuple[RunFolder | None, str | None]:
    """The run of this directory that was begun last with resume="auto" and did not finish."""
    try:
        note = json.loads((base / _AUTO).read_text("utf-8"))
        last, last_id = RunFolder(base / str(note["folder"])), str(note["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return old, run_id
    if run_id is not None and run_id != last_id:
        terminal.warn(f"run {last_id} did not finish; init() is told to go on with {run_id}")
        return old, run_id
    if not last.run_json.exists() or any(
        being_written(last.records(writer)) for writer in last.writers()
    ):
        return None, run_id
    if earlier.read(last, last.writers()).exit_code == 0:
        return old, run_id
    return last, last_id


def _last_of(base: Path, run_id: str) -> RunFolder | None:
    """The newest folder here of the run of this id."""
    found, number = None, 1
    while True:
        folder = RunFolder(_numbered(base, run_id, number))
        if not folder.path.is_dir():
            return found
        if _read_metadata(folder).get("run_id") == run_id and not _is_another(folder, run_id):
            found = folder
        number += 1


def _is_another(folder: RunFolder, run_id: str) -> bool:
    """Whether the server knows this id as the run of another folder."""
    note = folder.read_sync()
    return bool(note.get("refused")) or note.get("run_id", "") not in ("", run_id)


def _read_metadata(folder: RunFolder) -> dict[str, Any]:
    try:
        return folder.read_metadata()
    except (OSError, ValueError):
        return {}


# -- new folders ------------------------------------------------------------------------------


def _shared(base: Path, place: Place, wish: Wish) -> Place:
    """mode="shared": whoever comes first makes the folder, the others join it."""
    folder = RunFolder(base / place.run_id)
    try:
        _make_base(base)
        token, goes_on = sharing.join(folder, bool(wish.resume))
    except OSError as error:
        terminal.warn(f"{base} cannot be written ({error.strerror}): nothing is recorded")
        return place
    before = earlier.read(folder, folder.writers()) if goes_on else None
    return place._replace(folder=folder, writer=WriterName(token), resumed=goes_on, before=before)


def base_folder(asked: Asked, env: Environment) -> Path:
    """Where run folders are made: absolute, so that a script may change its directory."""
    if asked.dir:
        return Path(asked.dir).absolute() / "opensweep"
    if env.base_dir:
        return Path(env.base_dir).absolute()
    # Beside a checkout of our own package, its folder is not the place for runs.
    own = Path("opensweep")
    return Path(".opensweep" if (own / "__init__.py").exists() else own).absolute()


def _in_new_folder(base: Path, place: Place) -> Place:
    try:
        return place._replace(folder=_make_folder(base, place.run_id))
    except OSError as error:
        import tempfile  # seldom needed, and slow to import

        fallback = Path(tempfile.gettempdir()) / f"opensweep-{os.getuid()}"
        terminal.warn(f"{base} cannot be written ({error.strerror}): using {fallback}")
        try:
            return place._replace(folder=_make_folder(fallback, place.run_id))
        except OSError as second:
            terminal.warn(f"neither can {fallback} ({second.strerror}): nothing is recorded")
            return place


def _make_base(base: Path) -> None:
    if not base.is_dir():
        base.mkdir(parents=True, exist_ok=True)
        (base / ".gitignore").write_text("*\n")


def _make_folder(base: Path, run_id: str) -> RunFolder:
    """A folder that no other run has: mkdir decides; the name gets a number when it is taken."""
    _make_base(base)
    number = 1
    while True:
        path = _numbered(base, run_id, number)
        try:
            path.mkdir()
            return RunFolder(path)
        except FileExistsError:
            number += 1


def _numbered(base: Path, run_id: str, number: int) -> Path:
    return base / (run_id if number == 1 else f"{run_id}-{number}")


def new_id() -> str:
    # Not from `random`: scripts seed it, and every run of theirs would get the same id.
    return "".join(_ID_LETTERS[byte % 36] for byte in os.urandom(8))
