"""`sweep export`: a sweep's trials as CSV, JSON, Parquet, or as an Optuna study.

What each writes is a function of the trials as the server tells them; a file appears whole or not
at all. Optuna is known to sweeps/search/optuna_export.py alone.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

import click

from opensweep import _text
from opensweep.commands import connection, options
from opensweep.commands.objective import curve, objective
from opensweep.commands.trials import all_trials
from sweeps.errors import ConfigurationError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

_FIRST = ("id", "number", "state", "reason", "objective", "attempts", "steps")
_TIMES = ("created", "started", "ended")
_LAST = ("duration_s", "host", "device", "detail")
_AT_ONCE = 4
"""Histories that are fetched at the same time."""
_NOTED = ("id", "reason", "attempts", "host")


@click.command(
    epilog="\b\nExample:\n"
    "  sweep export k3j9x2ab --format csv -o trials.csv\n"
    "  sweep export k3j9x2ab --format optuna -o study.db"
)
@options.sweep_argument()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "json", "parquet", "optuna"]),
    default="csv",
    show_default=True,
    help="What to write.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where to; `-` is standard output. Default: standard output for csv and json, ID.parquet "
    "and ID.journal for the others. A study is a journal when FILE ends in .journal or .log, else "
    "an SQLite database, which takes longer to write.",
)
def export(sweep: str, kind: str, output: str | None) -> None:
    """Write the trials as CSV, JSON, Parquet or an Optuna study.

    One row a trial; parameters are config.NAME, the last values of what was logged summary.NAME.
    """
    if kind == "optuna" and output == "-":
        raise click.UsageError("an Optuna study is a file: name it with -o FILE")
    with connection.server() as client:
        status = connection.sweep_status(client, sweep)
        trials = all_trials(client, status["id"])
        if kind == "optuna":
            _export_optuna(client, status, trials, output or f"{status['id']}.journal")
            return
    if kind == "json":
        text = json.dumps(trials, indent=2, ensure_ascii=False) + "\n"
        data, target = text.encode(), output or "-"
    elif kind == "csv":
        data, target = as_csv(trials).encode(), output or "-"
    else:
        data, target = as_parquet(trials), output or f"{status['id']}.parquet"
    if target == "-":
        click.echo(data, nl=False)
        return
    with whole_file(target) as file:
        file.write(data)
    connection.say(f"{_text.plural(len(trials), 'trial')} written to {target}")


@contextmanager
def whole_file(path: str) -> Iterator[IO[bytes]]:
    """A file that replaces `path` once it is written whole; without that, `path` stays."""
    folder = os.path.dirname(path) or "."
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".sweep-export-")
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def rows(trials: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """(columns, rows): one flat row a trial. Times are datetimes (UTC), numbers are numbers."""
    made = []
    configs: dict[str, None] = {}
    summaries: dict[str, None] = {}
    for trial in trials:
        config = {f"config.{key}": value for key, value in _text.flat(trial["config"]).items()}
        summary = {
            f"summary.{key}": value
            for key, value in _text.flat(trial.get("summary") or {}).items()
            if not isinstance(value, Mapping | list)
        }
        configs.update(dict.fromkeys(config))
        summaries.update(dict.fromkeys(summary))
        row: dict[str, Any] = {key: trial.get(key) for key in (*_FIRST, "host", "device", "detail")}
        value = objective(trial)
        row["objective"] = None if trial.get("objective") is None else value
        for key in _TIMES:
            then = trial.get(key)
            row[key] = None if then is None else datetime.fromtimestamp(then, UTC)
        if row["started"] and row["ended"]:
            row["duration_s"] = round(trial["ended"] - trial["started"], 3)
        made.append({**row, **config, **{key: _number(v) for key, v in summary.items()}})
    return [*_FIRST, *configs, *summaries, *_TIMES, *_LAST], made


def _number(value: Any) -> Any:
    """The float that the wire writes as a string, for JSON has none for it."""
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def as_csv(trials: Sequence[Mapping[str, Any]]) -> str:
    """One line a trial; lists, dicts and booleans as JSON, times in ISO 8601, nothing as ""."""
    import csv

    columns, made = rows(trials)
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in made)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, bool | list | Mapping):
        return json.dumps(value, ensure_ascii=False)
    return value


def as_parquet(trials: Sequence[Mapping[str, Any]]) -> bytes:
    """The same table; a column whose values are of several kinds becomes text (JSON).

    Raises ConfigurationError where pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigurationError(
            "Parquet needs pyarrow, which is not installed here: "
            f"`{sys.executable} -m pip install pyarrow`, or choose --format csv."
        ) from None
    columns, made = rows(trials)
    arrays = {column: _column([row.get(column) for row in made]) for column in columns}
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(arrays), sink)
    return sink.getvalue()


def _column(values: list[Any]) -> Any:
    import pyarrow

    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return pyarrow.array([None if v is None else float(v) for v in values], pyarrow.float64())
    if len(kinds) == 1 and kinds <= {int, bool, str}:
        return pyarrow.array(values)
    if kinds == {datetime}:
        return pyarrow.array(values, pyarrow.timestamp("us", tz="UTC"))
    texts = [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in values]
    return pyarrow.array(texts, pyarrow.string())


def _export_optuna(
    client: Client, status: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], target: str
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from sweeps.search.optuna_export import ExportedTrial, export_study
    from sweeps.spec import spec_from_mapping
    from sweeps.trial import TrialState

    metric = status.get("metric") or {}
    name = metric.get("name")

    def points_of(trial: Mapping[str, Any]) -> dict[int, float]:
        return curve(client, trial["id"], name) if name and trial.get("steps") else {}

    over = [trial for trial in trials if TrialState(trial["state"]).over]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        curves = list(pool.map(points_of, over))
    exported = (
        ExportedTrial(
            config=trial["config"],
            state=TrialState(trial["state"]),
            objective=None if trial["objective"] is None else objective(trial),
            curve=points,
            started=trial.get("started"),
            ended=trial.get("ended"),
            notes={key: trial[key] for key in _NOTED if trial.get(key)},
        )
        for trial, points in zip(over, curves, strict=True)
    )
    how = export_study(
        target,
        name=status["id"],
        space=spec_from_mapping(client.spec(status["id"])["spec"]).parameters,
        direction=metric.get("goal", "minimize"),
        trials=exported,
        notes={"sweep": status["id"], "metric": name, "method": status["method"]},
    )
    left = len(trials) - len(over)
    connection.say(
        f"{_text.plural(len(over), 'trial')} written to {target}"
        + (f"; {left} that are not over were left out" if left else "")
        + "\nread it in Python:"
    )
    for line in ["import optuna", *how.splitlines()]:
        connection.say(f"  {line}")
