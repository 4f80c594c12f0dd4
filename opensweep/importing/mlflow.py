"""MLflow's own records: the file store (`mlruns/`), and its SQLite database (`mlflow.db`).

Metrics, parameters, tags, notes and the files of local artifact folders. MLflow keeps a value a
row, each with its step: those of one step become one row of ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from logging_core.records import ConfigUpdate, Finished, MetadataUpdate
from opensweep.importing.found import FileFound, FoundRun, Item, rows_by_step
from sweeps.errors import ImportFailed

_FAILED = ("FAILED", "KILLED", "4", "5")
_SQLITE = b"SQLite format 3\0"

Point = tuple[str, int, float, Any]


def find(path: Path) -> list[FoundRun]:
    """The runs at `path`: a database file, or an `mlruns` folder (or one above it)."""
    if path.is_file():
        return _in_database(path)
    database = path / "mlflow.db"
    stores = [path] if path.name == "mlruns" else sorted(path.rglob("mlruns"))
    found = [run for store in stores or [path] for run in _in_store(store)]
    return found or (_in_database(database) if database.is_file() else [])


# -- the file store ---------------------------------------------------------------------------


def _in_store(store: Path) -> list[FoundRun]:
    runs = []
    for meta in sorted(store.glob("*/*/meta.yaml")):
        about = _yaml(meta)
        if "run_id" not in about and "run_uuid" not in about:
            continue  # a model, a trace
        experiment = _yaml(meta.parent.parent / "meta.yaml")
        tags = {tag.name: _read(tag) for tag in _files(meta.parent / "tags")}
        runs.append(_run(meta.parent, about, str(experiment.get("name", "")), tags))
    return runs


def _run(folder: Path, about: Mapping[str, Any], project: str, tags: Mapping[str, str]) -> FoundRun:
    def items() -> Iterator[Item]:
        yield MetadataUpdate(_said(tags))
        parameters = {_inside(file, "params"): _scalar(_read(file)) for file in params}
        if parameters:
            yield ConfigUpdate(parameters)
        yield from rows_by_step(_metrics(folder / "metrics"))
        yield from _artifacts(folder / "artifacts")
        yield _finished(about.get("status"), about.get("end_time"))

    params = _files(folder / "params")
    return FoundRun(
        source=str(folder.resolve()),
        id=str(about.get("run_id") or about.get("run_uuid")),
        project=project,
        name=str(about.get("run_name") or tags.get("mlflow.runName", "")),
        items=items,
        metadata={"started": _seconds(about.get("start_time"))},
    )


def _metrics(folder: Path) -> Iterator[Point]:
    """Each file is a metric (its name may have slashes), each line "time value step"."""
    for file in _files(folder):
        name = _inside(file, folder.name)
        for line in _read(file).splitlines():
            parts = line.split()
            if len(parts) < 2:
                continue
            try:
                step = int(parts[2]) if len(parts) > 2 else 0
                yield name, step, int(parts[0]) / 1000, float(parts[1])
            except ValueError:
                raise ImportFailed(f"{file} has a line that is no metric: {line[:80]!r}") from None


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _inside(file: Path, folder: str) -> str:
    """A metric's or parameter's name: the file's path below `folder`."""
    parts = file.parts
    return "/".join(parts[len(parts) - parts[::-1].index(folder) :])


def _read(file: Path) -> str:
    return file.read_text("utf-8", "replace")


def _yaml(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(_read(file))
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        raise ImportFailed(f"{file} is no YAML: {error}") from None
    return found if isinstance(found, dict) else {}


# -- the database -----------------------------------------------------------------------------


def _in_database(path: Path) -> list[FoundRun]:
    query = (
        "SELECT r.run_uuid, r.name, r.status, r.start_time, r.end_time, r.artifact_uri, e.name"
        " FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id"
        " WHERE r.lifecycle_stage = 'active' ORDER BY r.start_time"
    )
    return [_row(path, *row) for row in _query(path, query)]


def _row(
    path: Path,
    run_id: str,
    name: str | None,
    status: str | None,
    started: int | None,
    ended: int | None,
    where: str | None,
    project: str,
) -> FoundRun:
    def items() -> Iterator[Item]:
        tags = "SELECT key, value FROM tags WHERE run_uuid = ?"
        yield MetadataUpdate(_said(dict(_query(path, tags, run_id))))
        params = "SELECT key, value FROM params WHERE run_uuid = ?"
        found = {key: _scalar(value) for key, value in _query(path, params, run_id)}
        if found:
            yield ConfigUpdate(found)
        yield from rows_by_step(_points(path, run_id))
        folder = _local(where)
        if folder is not None:
            yield from _artifacts(folder)
        yield _finished(status, ended)

    return FoundRun(
        source=str(path.resolve()),
        id=run_id,
        project=project,
        name=name or "",
        items=items,
        metadata={"started": _seconds(started)},
    )


def _points(path: Path, run_id: str) -> Iterator[Point]:
    query = (
        "SELECT key, step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ?"
        " ORDER BY timestamp"
    )
    for key, step, time, value, is_nan in _query(path, query, run_id):
        yield key, step, time / 1000, float("nan") if is_nan else value


def _query(path: Path, query: str, *values: str) -> Iterator[tuple[Any, ...]]:
    with open(path, "rb") as file:
        if file.read(len(_SQLITE)) != _SQLITE:
            raise ImportFailed(f"{path} is no SQLite database")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            yield from database.execute(query, values)
    except sqlite3.Error as error:
        raise ImportFailed(f"{path} cannot be read as MLflow's database: {error}") from None


# -- both -------------------------------------------------------------------------------------


def _said(tags: Mapping[str, str]) -> dict[str, Any]:
    """What the run says of itself; MLflow's own tags under the names that we have for them."""
    known = {
        "mlflow.note.content": "notes",
        "mlflow.source.name": "program",
        "mlflow.user": "user",
        "mlflow.parentRunId": "group",
        "mlflow.runName": "name",
    }
    said: dict[str, Any] = {
        known[key]: value for key, value in tags.items() if key in known and value
    }
    if commit := tags.get("mlflow.source.git.commit"):
        said["git"] = {"commit": commit}
    own = [f"{key}:{value}" for key, value in tags.items() if not key.startswith("mlflow.")]
    if own:
        said["tags"] = own
    return said


def _scalar(text: str | None) -> Any:
    """MLflow keeps every parameter as text."""
    for kind in (int, float):
        try:
            return kind(text or "")
        except ValueError:
            continue
    return {"True": True, "False": False, "None": None}.get(text or "", text)


def _artifacts(folder: Path) -> Iterator[FileFound]:
    for file in _files(folder):
        if not file.is_symlink():
            yield FileFound(f"artifacts/{file.relative_to(folder).as_posix()}", file)


def _local(where: str | None) -> Path | None:
    parts = urlsplit(where or "")
    if parts.scheme not in ("", "file") or not parts.path:
        return None
    folder = Path(unquote(parts.path))
    return folder if folder.is_dir() else None


def _finished(status: Any, ended: Any) -> Finished:
    # RUNNING (1) that nobody ended counts as it stands: MLflow cannot tell a killed run either.
    return Finished(1 if str(status) in _FAILED else 0, _seconds(ended) or 0.0)


def _seconds(milliseconds: Any) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else None
