"""The layout of a run folder: the truth of a run, on the disk of the machine that ran it.

    run.json              who the run is: run_id, uid, name, project, sweep, command, …; `locked`
    config.json           the values handed in
    records.<writer>.bin  what the logger appended (records.py); see WriterName
    console.<writer>.log  stdout and stderr as they came
    system.<writer>.bin   what the machine did meanwhile: a record file of its own
    files/                what the script saves (`run.dir`)
    artifacts/            drafts of artifacts
    uploads.json          how the files looked when they were last sent
    asks/                 questions of the script to whoever ships the folder, and the answers
    checkpoints/          kept from one attempt to the next (`run.checkpoint_dir`)
    shipped.<writer>.json what the server has acknowledged
    shipping.lock         locked by the process that carries the folder to a server
    sync.json             to which server it went, and how far
    preempting            the script said that its machine is being taken away

Paths, locks and small JSON files only; nothing here knows what is in a record. The agent makes the
folder before it starts a trial; without an agent the logger makes it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path

from logging_core.hints import Any, Mapping, NamedTuple
from logging_core.values import dumps

_RECORDS = re.compile(r"^records\.([A-Za-z0-9_-]+)\.bin$")
_WRITER = re.compile(r"^([0-9]{1,9})(?:-([A-Za-z0-9_]{1,40}))?$")


class WriterName(NamedTuple):
    """Who writes a record file: an attempt's `token`, and the `lane` of one of its processes.

    "3" is the only process (or the first) of the third attempt, "3-rank1" another one of it.
    """

    token: int
    lane: str = ""

    def __str__(self) -> str:
        return f"{self.token}-{self.lane}" if self.lane else str(self.token)

    @classmethod
    def parse(cls, name: str) -> WriterName | None:
        """None for a name that no writer of ours has."""
        match = _WRITER.match(name)
        return cls(int(match.group(1)), match.group(2) or "") if match else None


class RunFolder:
    """One run's folder. Making the object touches nothing; `create` does.

    `writer` is a token, a WriterName, or the text of one.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def records(self, writer: str | int | WriterName) -> Path:
        return self.path / f"records.{_text(writer)}.bin"

    def console(self, writer: str | int | WriterName) -> Path:
        return self.path / f"console.{_text(writer)}.log"

    def system(self, writer: str | int | WriterName) -> Path:
        return self.path / f"system.{_text(writer)}.bin"

    def shipped(self, writer: str | int | WriterName) -> Path:
        return self.path / f"shipped.{_text(writer)}.json"

    def chunks(self, writer: str | int | WriterName) -> Path:
        """Rows of a finished writer in compact form, once all of them are acknowledged."""
        return self.path / f"history.{_text(writer)}.chunks"

    @property
    def config_path(self) -> Path:
        return self.path / "config.json"

    @property
    def run_json(self) -> Path:
        return self.path / "run.json"

    @property
    def files(self) -> Path:
        return self.path / "files"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    @property
    def asks(self) -> Path:
        return self.path / "asks"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def shipping_lock(self) -> Path:
        return self.path / "shipping.lock"

    @property
    def sync_json(self) -> Path:
        return self.path / "sync.json"

    @property
    def preempting(self) -> Path:
        return self.path / "preempting"

    def writers(self) -> list[str]:
        """The name of every writer that has a record file, by token and lane."""
        try:
            names = os.listdir(self.path)
        except OSError:
            return []
        found = [match.group(1) for match in map(_RECORDS.match, names) if match]
        parsed = filter(None, map(WriterName.parse, found))
        return [str(writer) for writer in sorted(parsed)]

    def last_token(self) -> int:
        """The newest attempt that has a record file; 0 when there is none."""
        tokens = [writer.token for writer in map(WriterName.parse, self.writers()) if writer]
        return max(tokens, default=0)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        run_id: str,
        config: Mapping[str, Any],
        locked: bool,
        metadata: Mapping[str, Any],
    ) -> RunFolder:
        """Make the folder (or bring an earlier attempt's up to date) and write its JSON files.

        Both files are replaced atomically; records, console, files and checkpoints of earlier
        attempts stay, and so does the `uid`, which tells this folder from any other that has a run
        of the same id. `locked`: the config's values are a sweep's, and the script's own do not
        override them. Raises OSError.
        """
        folder = cls(path)
        for part in (folder.path, folder.files, folder.checkpoints):
            part.mkdir(parents=True, exist_ok=True)
        try:
            uid = folder.read_metadata().get("uid")
        except ValueError:
            uid = None
        _write_json(folder.config_path, dict(config))
        said = {**metadata, "run_id": run_id, "uid": uid or os.urandom(8).hex(), "locked": locked}
        _write_json(folder.run_json, said)
        return folder

    def read_config(self) -> dict[str, Any]:
        """The values handed in; {} when there are none. Raises OSError or ValueError."""
        return _read_json(self.config_path)

    def read_metadata(self) -> dict[str, Any]:
        """What run.json says; {} when there is none. Raises OSError or ValueError."""
        return _read_json(self.run_json)

    def read_sync(self) -> dict[str, Any]:
        """What is known of its way to a server; {} when it has not gone anywhere."""
        try:
            return _read_json(self.sync_json)
        except (OSError, ValueError):
            return {}

    def write_sync(self, value: Mapping[str, Any]) -> None:
        """Raises OSError."""
        _write_json(self.sync_json, value)


def being_written(path: str | os.PathLike[str]) -> bool:
    """Whether a live process has this record file open for writing.

    The kernel lets go of a writer's lock however the process ends. False where there is no such
    file, and on a file system without locks.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def _text(writer: str | int | WriterName) -> str:
    return writer if isinstance(writer, str) else str(writer)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    # The process id keeps two writers' temporary files apart; the rename makes it whole or not.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(dumps(value) + b"\n")
    os.replace(temporary, path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object")
    return value
