"""`sweep trials`, `sweep best` and `sweep logs`: what was tried, what won, what it printed."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from opensweep import _text
from opensweep.commands import connection, options, report
from opensweep.commands.advise import believed, best_lines
from opensweep.commands.objective import objective
from opensweep.commands.segments import is_segment, lineage, lineage_lines
from opensweep.commands.status import check_states, terminal_width
from opensweep.commands.weighing import weighed
from sweeps.console_text import settled
from sweeps.errors import OpensweepError
from sweeps.objective import metric_value

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

FOLLOW_S = 0.5
"""Seconds between two looks of `sweep logs -f`."""
WHY_WIDTH = 100
"""Columns that the reason of a failure gets where no terminal sets the width."""
PAGE = 1000
"""Trials that one request asks for."""

Trial = Mapping[str, Any]


def all_trials(client: Client, sweep_id: str, state: str | None = None) -> list[dict[str, Any]]:
    """Every trial of a sweep by number, fetched in pages."""
    rows: list[dict[str, Any]] = []
    while True:
        after = int(rows[-1]["number"]) if rows else 0
        page = client.trials(sweep_id, after=after, limit=PAGE, state=state)
        rows += page
        if len(page) < PAGE:
            return rows


def sort_key(by: str, goal: str | None) -> Callable[[Trial], tuple[bool, Any]]:
    """Order for `--sort`: missing values last, the best objective first.

    Raises click.BadParameter when `by` is nothing to sort by.
    """
    if by == "objective":
        sign = -1.0 if goal == "maximize" else 1.0
        return lambda trial: (math.isnan(objective(trial)), sign * objective(trial))
    if by == "duration":
        now = time.time()
        return lambda trial: (report.seconds(trial, now) is None, report.seconds(trial, now) or 0.0)
    if by in ("number", "started", "ended", "attempts", "steps"):
        return lambda trial: (trial.get(by) is None, trial.get(by) or 0)
    if by in ("state", "host"):
        return lambda trial: (trial.get(by) is None, str(trial.get(by)))
    if by.startswith("config."):
        return lambda trial: _mixed(_text.flat(trial["config"]).get(by.removeprefix("config.")))
    raise click.BadParameter(
        f"{by!r} is nothing to sort by: number, objective, duration, started, ended, state, "
        "attempts, steps, host or config.NAME",
        param_hint="--sort",
    )


def _mixed(value: Any) -> tuple[bool, Any]:
    """Numbers before texts, nothing last: a parameter may be either."""
    if isinstance(value, int | float) and not math.isnan(value):
        return (False, (0, float(value), ""))
    return (value is None, (1, 0.0, _text.value_text(value)))


@click.command(epilog="\b\nExample:\n  sweep trials k3j9x2ab --sort objective --limit 10")
@options.sweep_argument()
@click.option("--state", metavar="STATE", help="Only these states, such as failed,stopped.")
@click.option(
    "--sort",
    "by",
    metavar="KEY",
    default="number",
    show_default=True,
    help="number, objective (best first), duration, started, ended, state, attempts, steps, host "
    "or config.NAME.",
)
@click.option("--reverse", is_flag=True, help="Turn the order round.")
@click.option("--limit", type=options.Whole(), metavar="N", help="At most N trials.")
@click.option("--wide", is_flag=True, help="Cut nothing, however long the lines get.")
@options.json_option("the trials, uncut,")
def trials(
    sweep: str,
    state: str | None,
    by: str,
    reverse: bool,
    limit: int | None,
    wide: bool,
    as_json: bool,
) -> None:
    """List the trials of a sweep.

    Each with its state (and why it ended so), objective and configuration; in population based
    training also the trial FROM whose checkpoint it went on. Where lines get too
    long for the terminal they are cut; in a pipe, only the reasons are.
    """
    check_states(state, "trial")
    with connection.server() as client:
        status = connection.sweep_status(client, sweep)
        metric = status.get("metric") or {}
        key = sort_key(by, metric.get("goal"))
        wanted = {name for name in (state or "").split(",") if name}
        rows = all_trials(client, status["id"], state if len(wanted) == 1 else None)
    rows = [row for row in rows if not wanted or row["state"] in wanted]
    rows.sort(key=key, reverse=reverse)
    rows = rows[:limit]
    if as_json:
        options.print_json(rows)
    elif not rows:
        connection.say(f"no trial is {state}" if state else "no trials yet")
    else:
        name = metric.get("name")
        others = [each["name"] for each in status.get("metrics") or () if each["name"] != name]
        click.echo(_trial_table(rows, f"{name}(best)" if name else "objective", others, wide))


def _trial_table(rows: list[dict[str, Any]], metric: str, others: list[str], wide: bool) -> str:
    now = time.time()
    width = None if wide else terminal_width()
    why_width = None if wide else WHY_WIDTH if width is None else max(width // 3, 20)
    where = len({row.get("host") for row in rows}) > 1
    headers = ["TRIAL", "STATE", metric, *others]
    headers += ["FROM", "STEPS", "TIME", "TRIES", "WHERE", "WHY", "CONFIG"]
    cells = [
        [
            row["id"],
            report.state_with_reason(row),
            _text.number(row["objective"]),
            *(_text.number(metric_value(row.get("summary") or {}, name)) for name in others),
            str(row.get("parent") or _text.NOTHING),
            _text.number(row.get("steps")),
            _text.duration(report.seconds(row, now)),
            str(row["attempts"]),
            _place(row, where),
            _text.clip(_why(row), why_width),
            _text.config_line(row["config"]),
        ]
        for row in rows
    ]
    tells = {
        "FROM": any(row.get("parent") for row in rows),
        "TRIES": any(row["attempts"] > 1 for row in rows),
        "WHERE": len({(row.get("host"), row.get("device")) for row in rows}) > 1,
    }
    tells["WHY"] = any(_why(row) for row in rows)
    keep = [column for column, header in enumerate(headers) if tells.get(header, True)]
    return _text.table(
        [headers[column] for column in keep],
        [[row[column] for column in keep] for row in cells],
        right={metric, *others, "STEPS", "TIME", "TRIES"},
        states={"STATE"},
        width=width,
    )


def _why(trial: Trial) -> str:
    """Why a trial failed or was stopped (rule and step), or which of the sweep's metrics a finished
    one lacks, in the words of its record; else ""."""
    told = trial["state"] in ("failed", "stopped", "canceled", "finished")
    return str(trial.get("detail") or "") if told else ""


def _place(trial: Trial, with_host: bool) -> str:
    parts = [trial.get("host") if with_host else None, trial.get("device")]
    return " ".join(str(part) for part in parts if part) or _text.NOTHING


@click.command(
    epilog="\b\nExample:\n"
    "  sweep best k3j9x2ab > best.yaml\n"
    '  eval "python train.py $(sweep best k3j9x2ab --args)"'
)
@options.sweep_argument()
@click.option(
    "--args",
    "as_args",
    is_flag=True,
    help="Print it as the arguments that ${args} gives the script, quoted for a shell; a nested "
    "group is one argument, written as a Python dict.",
)
@options.json_option(
    "the whole trial; with several `metrics` also keeps_limits and front, in population based "
    "training chain and checkpoint,"
)
def best(sweep: str, as_args: bool, as_json: bool) -> None:
    """Show the best trial and its configuration.

    The configuration is YAML; the lines about the trial are comments in it. Of a sweep with several
    `metrics` it is the best that keeps their limits, and the trials that no other one beats in
    every objective are listed. What a model of all trials makes of its value is said, where there
    are enough of them: its probable true value, and which trial it believes to be the best. In
    population based training it is a segment: those before it are listed, with their settings.
    """
    if as_args and as_json:
        raise click.UsageError("--args and --json: choose one")
    with connection.server() as client:
        status = connection.sweep_status(client, sweep)
        found = client.outcome(status["id"])
        trial = found["trial"]
        opinion = None if as_args or trial is None else believed(client, status["id"])
        segment = lineage(client, trial) if trial and is_segment(client, trial) else {}
    if trial is None:
        raise OpensweepError(
            f"no trial of sweep {status['id']} has an objective"
            + ("." if report.over(status) else " yet; `sweep status` shows how far it is.")
        )
    if as_json:
        told = {key: found[key] for key in ("keeps_limits", "front") if key in found}
        options.print_json({**trial, **told, **segment, "believed": opinion})
    elif as_args:
        if segment and len(segment["chain"]) > 1:
            connection.say(
                f"{trial['id']} is a segment: these are the settings of the last of "
                f"{len(segment['chain'])} alone; `sweep best {status['id']}` shows all"
            )
        click.echo(arguments(trial["config"]))
    else:
        import yaml

        metric = status.get("metric") or {}
        click.echo(
            f"# trial {trial['id']}{report.unfinished(trial)} of sweep {status['id']}\n"
            f"# {metric.get('name', 'objective')}: {_text.number(trial['objective'])}"
            f" (best of its history; {metric.get('goal', 'minimize')})"
        )
        for line in weighed(status, found):
            click.echo(f"# {line}" if line else "#")
        for line in best_lines(opinion, trial["number"]) if opinion else ():
            click.echo(f"# {line}")
        for line in lineage_lines(segment, metric.get("name", "objective")) if segment else ():
            click.echo(f"# {line}")
        click.echo(yaml.safe_dump(trial["config"], sort_keys=False, allow_unicode=True), nl=False)


def arguments(config: Mapping[str, Any]) -> str:
    """`--lr=0.003 --optimizer=adam`, as the sweep's command passes them, quoted for a shell."""
    import shlex

    return " ".join(shlex.quote(f"--{name}={value}") for name, value in config.items())


@click.command(epilog="\b\nExample:\n  sweep logs k3j9x2ab-17 -f")
@options.trial_argument()
@click.option("--follow", "-f", is_flag=True, help="Stay and print more until the trial is over.")
@options.json_option("{id, state, text}")
def logs(trial_id: str, follow: bool, as_json: bool) -> None:
    """Show what a trial printed.

    Standard output and standard error, of every attempt; progress bars as they were last. TRIAL
    may be a run that is of no sweep, too.
    """
    if follow and as_json:
        raise click.UsageError("--follow and --json: choose one")
    with connection.server() as client:
        trial = connection.trial_or_run(client, trial_id)
        if as_json:
            text = "".join(settled(_console(client, trial["id"], follow=False)))
            options.print_json({"id": trial["id"], "state": trial["state"], "text": text})
            return
        empty = True
        parts = _console(client, trial["id"], follow=follow)
        for part in parts if follow else settled(parts):  # a terminal that follows folds by itself
            empty = empty and not part
            click.echo(part, nl=False)
            sys.stdout.flush()
        if empty:
            detail = f" ({trial['detail']})" if trial.get("detail") else ""
            connection.say(f"{trial['id']} is {trial['state']} and printed nothing{detail}")


def _console(client: Client, run: str, *, follow: bool) -> Any:
    """Parts of a run's output, in order, to its present end, or (follow) until it is over; then
    what its other processes printed, if it has several, each under a line with its label."""
    ended, lanes = yield from _lane(client, run, "", follow=follow)
    for lane in lanes:
        yield f"{'' if ended else chr(10)}==> {lane} <==\n"
        ended, _ = yield from _lane(client, run, lane, follow=False)


def _lane(client: Client, run: str, lane: str, *, follow: bool) -> Any:
    """What one process printed; returns whether its last line is ended, and the others' labels."""
    after, ended = 0, True
    while True:
        answer = client.console(run, after, lane)
        if answer["text"]:
            yield answer["text"]
            ended = answer["text"].endswith("\n")
        if answer["next"] > after:
            after = answer["next"]
        elif answer["over"] or not follow:
            return ended, answer.get("lanes", ())
        else:
            time.sleep(FOLLOW_S)
