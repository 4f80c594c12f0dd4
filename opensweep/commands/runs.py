"""`sweep runs` and `sweep alerts`: runs of any kind, a sweep's or their own, and what they called
out; and a run in words, for `sweep status`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import click

from opensweep import _text
from opensweep.commands import connection, options, report
from opensweep.commands.status import terminal_width

_PAGE = 1000
"""Runs that one request asks for."""
_SUMMARY_WIDTH = 48
"""Columns that the last values get where none are chosen."""
_ALWAYS = ("project", "display_name", "state", "created_at", "history_line_count")
_TIMES = ("created_at", "heartbeat_at", "updated_at", "ended_at", "finished_at")
_DURATIONS = ("duration", "runtime")

Run = Mapping[str, Any]


@click.command(
    epilog="\b\nExample:\n"
    "  sweep runs digits --order -summary.acc --columns config.lr,summary.acc\n"
    """  sweep runs --filter '{"state": "crashed"}'"""
)
@click.argument("project", metavar="[PROJECT]", required=False)
@click.option("--filter", "filters", metavar="JSON", help=options.FILTER_HELP)
@click.option(
    "--order",
    metavar="KEYS",
    default="-created_at",
    show_default=True,
    help="What to sort by, such as -summary.loss,+created_at; `-` falls, `+` rises.",
)
@click.option(
    "--columns",
    metavar="A,B",
    help="What to show: config.NAME, summary.NAME, or a field such as group, tags, host, duration.",
)
@click.option(
    "--limit",
    type=options.Whole(),
    metavar="N",
    default=100,
    show_default=True,
    help="At most N runs.",
)
@options.json_option("the runs (with --columns: these alone)")
def runs(
    project: str | None,
    filters: str | None,
    order: str,
    columns: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List runs, of a sweep or of their own.

    Those of one PROJECT, or of all. The newest come first.
    """
    chosen = [name.strip() for name in (columns or "").split(",") if name.strip()]
    found: list[dict[str, Any]] = []
    total, after = 0, cast("int | None", 0)
    with connection.server() as client:
        if project is not None:
            project = connection.project(client, project)
        while after is not None and len(found) < limit:
            page = client.runs(
                project=project,
                filters=options.json_filter(filters),
                order=order,
                limit=min(limit - len(found), _PAGE),
                after=after,
                columns=[*_ALWAYS, *chosen] if chosen else None,
            )
            total, after = page["total"], page["next"]
            found += _rows(page) if chosen else map(for_people, page["runs"])
    if as_json:
        options.print_json(found)
    elif not found:
        connection.say("no run fits" if filters or project else "no runs yet")
    else:
        click.echo(_table(found, chosen, one_project=project is not None))
        if total > len(found):
            connection.say(f"{total - len(found)} more; --limit {total} lists them, too")


def _rows(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A page of columns as one dict a run."""
    names = list(page["columns"])
    values = zip(*page["columns"].values(), strict=True)
    return [
        {"id": run_id, **dict(zip(names, row, strict=True))}
        for run_id, row in zip(page["ids"], values, strict=True)
    ]


def _table(found: Sequence[Run], chosen: Sequence[str], *, one_project: bool) -> str:
    now = time.time()
    shown = [
        {
            "RUN": run["id"],
            "PROJECT": run["project"] or _text.NOTHING,
            "NAME": _own_name(run) or _text.NOTHING,
            "STATE": run["state"],
            "CREATED": _text.ago(run.get("created", run.get("created_at")), now),
            "STEPS": _text.number(run.get("steps", run.get("history_line_count"))),
            **(_chosen(run, chosen, now) if chosen else _told(run)),
        }
        for run in found
    ]
    tells = {
        "PROJECT": not one_project and len({run["project"] for run in found}) > 1,
        "NAME": any(map(_own_name, found)),
    }
    headers = [header for header in shown[0] if tells.get(header, True)]
    return _text.table(
        headers,
        [[row[header] for header in headers] for row in shown],
        right={"STEPS", *(name for name in chosen if name.startswith("summary"))},
        states={"STATE"},
        width=terminal_width(),
    )


def for_people(run: Run) -> dict[str, Any]:
    """A run or trial as JSON shows it: its config is the script's alone."""
    return {**run, "config": _text.own(run["config"])}


def _own_name(run: Run) -> str:
    name = str(run.get("name", run.get("display_name")) or "")
    return "" if name == run["id"] else name


def _told(run: Run) -> dict[str, str]:
    values = {name: each for name, each in run["summary"].items() if not name.startswith("_")}
    return {
        "SUMMARY": _text.config_line(_scalars(values), _SUMMARY_WIDTH) or _text.NOTHING,
        "CONFIG": _text.config_line(run["config"]) or _text.NOTHING,
    }


def _scalars(values: Mapping[str, Any]) -> dict[str, Any]:
    """What can be told in a word: no media, no lists."""
    media = {name for name, each in values.items() if isinstance(each, Mapping) and "_type" in each}
    return {
        name: each
        for name, each in values.items()
        if name not in media and not isinstance(each, list)
    }


def _chosen(run: Run, names: Sequence[str], now: float) -> dict[str, str]:
    return {name: _cell(name, run[name], now) for name in names}


def _cell(name: str, value: Any, now: float) -> str:
    if value is None:
        return _text.NOTHING
    if name in _TIMES:
        return _text.ago(value, now)
    return _text.duration(value) if name in _DURATIONS else _text.value_text(value)


def print_run(run: Run) -> None:
    """A run as `sweep status` shows it."""
    now = time.time()
    name = f" {_own_name(run)}" if _own_name(run) else ""
    whose = f"sweep {run['sweep_id']}" if run["sweep_id"] else f"project {run['project'] or '-'}"
    click.echo(f"{click.style(run['id'], bold=True)}{name}: {whose}")
    lines = [("state", _state(run)), ("steps", _text.number(run["steps"]))]
    lines.append(("time", _time(run, now)))
    if host := run["metadata"].get("host"):
        lines.append(("host", str(host)))
    for label in ("summary", "config"):
        shown = {name: value for name, value in run[label].items() if name != "_runtime"}
        leaves = _text.flat(_scalars(shown))
        lines += [(label, f"{key}={_text.value_text(value)}") for key, value in leaves.items()]
    last = ""
    for label, text in lines:
        click.echo(f"  {'' if label == last else label:<7} {text}")
        last = label


def _state(run: Run) -> str:
    code = run.get("exit_code")
    return _text.state(str(run["state"])) + ("" if code is None else f" (exit code {code})")


def _time(run: Run, now: float) -> str:
    took = _text.duration(report.seconds(run, now))
    ended = run.get("ended")
    if ended is not None:
        return f"{took}, ended {_text.ago(ended, now)}"
    return f"{took} so far, last heard of {_text.ago(run.get('heard'), now)}"


@click.command(epilog="\b\nExample:\n  sweep alerts --project digits")
@click.option("--run", metavar="RUN", help="Only those of one run.")
@click.option("--project", metavar="NAME", help="Only those of one project.")
@click.option(
    "--limit",
    type=options.Whole(high=1000),
    metavar="N",
    default=100,
    show_default=True,
    help="At most N alerts.",
)
@options.json_option("the alerts")
def alerts(run: str | None, project: str | None, limit: int, as_json: bool) -> None:
    """List what runs called out with alert().

    The newest come first, each with what became of it.
    """
    with connection.server() as client:
        if run is not None:
            named = "/" in run
            run = connection.run_of(client, run)["id"] if named else connection.bare_id(run)
        answer = client.alerts(run=run, project=project, limit=limit)
    listed = answer["alerts"]
    if as_json:
        options.print_json(listed)
    elif not listed:
        connection.say("no alerts")
    else:
        now = time.time()
        rows = [
            [
                _text.ago(each["raised"], now),
                each["level"],
                each["run_id"],
                each["state"],
                " ".join(f"{each['title']}: {each['text']}".rstrip(": ").split()),
            ]
            for each in listed
        ]
        headers = ["RAISED", "LEVEL", "RUN", "DELIVERY", "WHAT"]
        click.echo(_text.table(headers, rows, width=terminal_width()))
        if problem := answer["delivery"]["problem"]:
            connection.say(problem)
