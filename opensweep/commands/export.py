"""`sweep export`: trials, runs and what they logged, as CSV, JSON or Parquet; or an Optuna study.

What is written is a function of what the server tells; nothing is held in memory but a page of it
(opensweep/tables.py). Optuna is known to sweeps/search/optuna_export.py alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from opensweep import _text
from opensweep.commands import connection, options
from opensweep.commands.objective import curve, objective
from opensweep.commands.runs import for_people
from opensweep.commands.trials import all_trials
from opensweep.tables import Layout, Spool, check_pyarrow, target
from sweeps.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

_TIMES = ("created", "started", "ended")
_TRIAL_FIRST = ("id", "number", "state", "reason", "objective", "attempts", "steps")
_TRIAL_LAST = ("host", "device", "detail")
_RUN_FIRST = ("id", "name", "project", "sweep", "state", "exit_code", "steps")
_RUN_LAST = ("host", "parent", "fork_step")
_SAID = ("group", "job_type", "tags", "notes")
_AT_ONCE = 4
"""Histories that are fetched at the same time."""
_NOTED = ("id", "reason", "attempts", "host")
_PAGE = 500
"""Runs that one request asks for."""
_ROWS = 5000
"""Rows of history that one request asks for."""


@click.command(
    epilog="\b\nExample:\n"
    "  sweep export k3j9x2ab --format csv -o trials.csv\n"
    "  sweep export k3j9x2ab --format optuna -o study.db\n"
    "  sweep export k3j9x2ab --history --keys val_loss -o curves.csv\n"
    "  sweep export --project digits --history --format parquet"
)
@options.sweep_argument(required=False)
@click.option(
    "--project",
    metavar="NAME",
    help="Instead of ID: all runs of a project, of a sweep or of their own.",
)
@click.option("--filter", "filters", metavar="JSON", help=options.FILTER_HELP)
@click.option(
    "--history",
    is_flag=True,
    help="What was logged: one row for each that has a step, with its run, step and time.",
)
@click.option(
    "--keys",
    metavar="A,B",
    help="With --history: these metrics alone, and only rows that have one of them.",
)
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
def export(
    sweep: str | None,
    project: str | None,
    filters: str | None,
    history: bool,
    keys: str | None,
    kind: str,
    output: str | None,
) -> None:
    """Write trials, runs or their history as CSV, JSON or Parquet.

    ID is a sweep or a run. One row a trial (or run): parameters are config.NAME, the last values
    of what was logged summary.NAME. Or, of a sweep, an Optuna study.
    """
    _check(sweep, project, filters, history, keys, kind, output)
    with connection.server() as client:
        found = _of_project(client, project, filters) if sweep is None else _of_id(client, sweep)
        if kind == "optuna":
            _export_optuna(client, found, output or f"{found.name}.journal")
            return
        asked = None if keys is None else [key for key in keys.split(",") if key]
        if history:
            source, layout = _logged(client, found, asked), _history_layout(found)
        else:
            source, layout = found.batches(flat=kind != "json"), found.layout
        ending = "-history" if history else ""
        path = output or (f"{found.name}{ending}.parquet" if kind == "parquet" else "-")
        count, columns = _write(source, layout, kind, path)
    missing = [key for key in asked or () if key not in columns]
    if missing:
        connection.say(f"nobody logged {', '.join(map(repr, missing))}")
    if path != "-":
        connection.say(f"{_text.plural(count, 'row' if history else found.noun)} written to {path}")


def _check(
    sweep: str | None,
    project: str | None,
    filters: str | None,
    history: bool,
    keys: str | None,
    kind: str,
    output: str | None,
) -> None:
    """Raises click.UsageError for options that do not go together."""
    if (sweep is None) == (project is None):
        raise click.UsageError("name what to write: a sweep or run by its ID, or --project NAME")
    if filters is not None and project is None:
        raise click.UsageError("--filter goes with --project")
    if keys is not None and not history:
        raise click.UsageError("--keys goes with --history")
    if kind == "optuna" and (history or project is not None):
        raise click.UsageError("an Optuna study has the trials of one sweep: name it by its ID")
    if kind == "optuna" and output == "-":
        raise click.UsageError("an Optuna study is a file: name it with -o FILE")
    if kind == "parquet":
        check_pyarrow()


class _Found(NamedTuple):
    """What was named: the trials of a sweep, or runs."""

    name: str  # for files
    noun: str
    layout: Layout
    pages: Iterable[Sequence[Mapping[str, Any]]]
    """Trials or runs, as the server tells them."""
    sweep: Mapping[str, Any] | None = None

    def batches(self, *, flat: bool) -> Iterator[Sequence[Mapping[str, Any]]]:
        for page in self.pages:
            yield [_row(each, self.layout) if flat else for_people(each) for each in page]


def _of_id(client: Client, text: str) -> _Found:
    """The sweep that `text` names, or else the run. NotFoundError says which sweep is near."""
    try:
        status = connection.sweep_status(client, text)
    except NotFoundError as error:
        run = connection.run_or(error, client, text)
        return _Found(run["id"], "run", _layout(_RUN_FIRST, _RUN_LAST), [[run]])
    trials = all_trials(client, status["id"])
    return _Found(status["id"], "trial", _layout(_TRIAL_FIRST, _TRIAL_LAST), [trials], status)


def _of_project(client: Client, project: str | None, filters: str | None) -> _Found:
    name = connection.project(client, project or "")
    pages = _run_pages(client, name, options.json_filter(filters))
    safe = name.replace(os.sep, "_") or "runs"
    return _Found(safe, "run", _layout(_RUN_FIRST, _RUN_LAST), pages)


def _run_pages(
    client: Client, project: str, filters: Mapping[str, Any] | None
) -> Iterator[Sequence[Mapping[str, Any]]]:
    after: int | None = 0
    while after is not None:
        page = client.runs(
            project=project, filters=filters, order="+created_at", limit=_PAGE, after=after
        )
        yield page["runs"]
        after = page["next"]


def _layout(first: tuple[str, ...], last: tuple[str, ...]) -> Layout:
    return Layout(
        first=first,
        last=(*_TIMES, "duration_s", *last),
        groups=("config.", "summary."),
        times=_TIMES,
    )


def _row(found: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """A trial or a run as one flat row."""
    said = found.get("metadata") or {}
    known = {
        **found,
        "sweep": found.get("sweep_id"),
        "parent": found.get("parent_id"),
        **({"host": said.get("host")} if said else {}),
    }
    row = {name: known.get(name) for name in (*layout.first, *layout.last)}
    row.update({name: said[name] for name in _SAID if said.get(name)})
    if "number" in found and found.get("parent"):  # of a trial: a segment of a population
        row["parent"] = found["parent"]
    config = _text.flat(found["config"])
    summary = _text.flat(found.get("summary") or {})
    row.update({f"config.{name}": value for name, value in config.items()})
    row.update(
        {
            f"summary.{name}": value
            for name, value in summary.items()
            if not isinstance(value, Mapping | list)
        }
    )
    if found.get("started") and found.get("ended"):
        row["duration_s"] = round(found["ended"] - found["started"], 3)
    return row


def _history_layout(found: _Found) -> Layout:
    number = ("number",) if found.sweep is not None else ()
    return Layout(first=("run", *number, "_step", "_timestamp"))


def _logged(
    client: Client, found: _Found, keys: list[str] | None
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Pages of rows of each run, in order."""
    for page in found.pages:
        for run in page:
            whose = {"run": run["id"]}
            if found.sweep is not None:
                whose["number"] = run["number"]
            after = None
            while run.get("steps"):
                rows, after = client.rows(run["id"], keys, after=after, limit=_ROWS)
                yield [{**whose, **row} for row in rows]
                if after is None:
                    break


def _write(
    source: Iterable[Sequence[Mapping[str, Any]]], layout: Layout, kind: str, path: str
) -> tuple[int, set[str]]:
    """How many rows were written, and of which columns."""
    folder = None if path == "-" else os.path.dirname(path) or "."
    with target(path) as file, Spool(layout, folder) as spool:
        for batch in source:
            spool.add(batch)
        write = {"csv": spool.write_csv, "json": spool.write_json, "parquet": spool.write_parquet}
        write[kind](file)
        return spool.count, set(spool.columns)


def _export_optuna(client: Client, found: _Found, path: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from sweeps.objective import metric_value
    from sweeps.search.optuna_export import ExportedTrial, export_study
    from sweeps.spec import spec_from_mapping
    from sweeps.trial import TrialState

    if found.sweep is None:
        raise UsageError(f"{found.name} is a run: an Optuna study has the trials of one sweep")
    status, trials = found.sweep, [trial for page in found.pages for trial in page]
    metric = status.get("metric") or {}
    name = metric.get("name")

    def points_of(trial: Mapping[str, Any]) -> dict[int, float]:
        return curve(client, trial["id"], name) if name and trial.get("steps") else {}

    spec = spec_from_mapping(client.spec(status["id"])["spec"])
    objectives = [measure for measure in spec.metrics if measure.goal is not None]
    limits = [measure for measure in spec.metrics if measure.limited]
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
            others=tuple(metric_value(trial["summary"], each.name) for each in objectives),
            excess=tuple(each.excess(metric_value(trial["summary"], each.name)) for each in limits),
        )
        for trial, points in zip(over, curves, strict=True)
    )
    how = export_study(
        path,
        name=status["id"],
        space=spec.parameters,
        directions=[metric.get("goal", "minimize"), *(str(each.goal) for each in objectives)],
        trials=exported,
        notes={
            "sweep": status["id"],
            "metric": name,
            "method": status["method"],
            **({"metrics": [name, *(each.name for each in objectives)]} if objectives else {}),
        },
    )
    left = len(trials) - len(over)
    connection.say(
        f"{_text.plural(len(over), 'trial')} written to {path}"
        + (f"; {left} that are not over were left out" if left else "")
        + "\nread it in Python:"
    )
    for line in ["import optuna", *how.splitlines()]:
        connection.say(f"  {line}")
