"""`sweep enqueue`, `sweep retry` and `sweep stop-trial`: what a person may order about trials.

Each can be repeated without harm. Neighbour: control.py (orders about a whole sweep).
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping
from typing import Any

import click

from opensweep import _text
from opensweep.commands import connection, create, options
from sweeps.errors import UsageError


@click.command(
    epilog="\b\nExample:\n"
    "  sweep enqueue k3j9x2ab lr=0.01 optimizer=adam\n"
    "  sweep enqueue k3j9x2ab --file configurations.yaml\n"
    "  sweep enqueue k3j9x2ab --again 17 --times 3"
)
@options.sweep_argument()
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@click.option(
    "--file",
    type=click.Path(allow_dash=True),
    help="YAML or JSON: a configuration, or a list of them ('-': standard input).",
)
@click.option(
    "--again",
    type=options.Whole(low=1),
    metavar="TRIAL",
    help="The configuration of the sweep's trial of this number once more, to see how much runs "
    "of it differ: no early_terminate stops such a repeat.",
)
@click.option("--times", type=options.Whole(low=1), default=1, help="With --again: how often.")
@options.json_option("the new trials")
def enqueue(
    sweep: str,
    values: tuple[str, ...],
    file: str | None,
    again: int | None,
    times: int,
    as_json: bool,
) -> None:
    """Try a configuration of yours next.

    It becomes a trial before anything that the search suggests, counts as one, and the search
    learns of it. Values that you leave out are filled in; a nested parameter is NAME.INNER=VALUE.
    A finished sweep goes on with it; one that has reached its run_cap, once that is raised (`sweep
    update ID --run-cap N`).
    """
    configs = [_config(values)] if values else []
    if file is not None:
        configs += _configs_in(file)
    if not configs and again is None:
        raise UsageError(
            "no configuration: give NAME=VALUE …, a file of them with --file, or --again TRIAL. "
            f"`sweep status {sweep}` shows a sweep."
        )
    if times > 1 and again is None:
        raise UsageError("--times goes with --again")
    key = uuid.uuid4().hex
    with connection.server() as client:
        status = connection.sweep_status(client, sweep)
        if again is not None:
            configs += [connection.trial(client, f"{status['id']}-{again}")["config"]] * times
        made = client.enqueue(status["id"], configs, key=key)
    if as_json:
        options.print_json(made)
        return
    for trial in made:
        click.echo(
            f"trial {click.style(trial['id'], bold=True)} is tried next: "
            f"{_text.config_line(trial['config'])}"
        )
    if status["state"] == "paused":
        connection.say(f"the sweep is paused: `sweep resume {status['id']}` goes on")


@click.command(epilog="\b\nExample:\n  sweep retry k3j9x2ab\n  sweep retry k3j9x2ab-7 k3j9x2ab-9")
@click.argument("ids", metavar="ID|TRIAL...", nargs=-1, required=True, type=options.TrialId())
@options.json_option("the trials that were queued again")
def retry(ids: tuple[str, ...], as_json: bool) -> None:
    """Try failed trials again: all of a sweep, or those you name.

    They are queued once more, with the same configuration. A finished sweep goes on with them.
    """
    retried: list[dict[str, Any]] = []
    with connection.server() as client:
        for name in ids:
            if _names_trial(name):
                trial = connection.trial(client, name)
                retried += client.retry(trial["sweep_id"], [trial["id"]])
            else:
                retried += client.retry(connection.sweep_status(client, name)["id"])
    if as_json:
        options.print_json(retried)
    elif not retried:
        click.echo("no trial has failed" if len(ids) == 1 else "none of these has failed")
    else:
        names = ", ".join(str(trial["id"]) for trial in retried[:10])
        more = f" and {len(retried) - 10} more" if len(retried) > 10 else ""
        click.echo(f"{_text.plural(len(retried), 'trial')} queued again: {names}{more}")


@click.command(name="stop-trial", epilog="\b\nExample:\n  sweep stop-trial k3j9x2ab-7")
@click.argument("ids", metavar="TRIAL...", nargs=-1, required=True, type=options.TrialId())
@options.json_option("the trials")
def stop_trial(ids: tuple[str, ...], as_json: bool) -> None:
    """End single trials, keeping the values that they logged.

    A running script gets SIGTERM, and SIGKILL if it does not end within its grace; the trial counts
    as stopped. One that waits is canceled. The sweep goes on.
    """
    told = []
    with connection.server() as client:
        for name in ids:
            told.append(client.stop_trial(connection.trial(client, name)["id"]))
    if as_json:
        options.print_json(told)
        return
    for trial in told:
        running = trial["state"] == "running"
        state = "is being stopped" if running else f"is {_text.state(trial['state'])}"
        click.echo(f"trial {click.style(trial['id'], bold=True)} {state}")


def _names_trial(name: str) -> bool:
    return connection.bare_id(name).rpartition("-")[2].isdigit() and "-" in name


def _config(pairs: tuple[str, ...]) -> dict[str, Any]:
    """The configuration of NAME=VALUE arguments. Raises UsageError."""
    config: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"{pair!r} is no NAME=VALUE, such as lr=0.01")
        if name in config:
            raise UsageError(f"{name} is given twice")
        config[name] = _value(text)
    return config


def _value(text: str) -> Any:
    """A value as a sweep file's would be read; `1e-3` is a number, too."""
    import yaml

    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{text!r} is no value: {error}") from None
    if isinstance(value, str) and any(character.isdigit() for character in value):
        with contextlib.suppress(ValueError):
            return float(value)
    return value


def _configs_in(file: str) -> list[dict[str, Any]]:
    """The configurations of a file. Raises UsageError."""
    import yaml

    try:
        found = yaml.safe_load(create.read(file, {}))
    except yaml.YAMLError as error:
        raise UsageError(f"{create.shown(file)} is no YAML: {error}") from None
    listed = found if isinstance(found, list) else [found]
    for place, config in enumerate(listed, start=1):
        if not isinstance(config, Mapping) or not all(isinstance(name, str) for name in config):
            raise UsageError(
                f"{create.shown(file)}: configuration {place} is no mapping of names to values"
            )
    return [dict(config) for config in listed]
