"""`sweep advise`: which trial is really the best, where to look next, and whether more trials pay.

The server works it out (sweeps/analysis/advice.py); here it is put into words, and so are the lines
that `sweep best` adds to its own. The dashboard's panel (sweep/charts/advice.js) says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from opensweep import _text
from opensweep.commands import connection, options, report
from sweeps.errors import OpensweepError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

SHOWN = 5
"""Of the configurations that may be the best."""
_DOUBTED = 2.0  # times the chance of the first, and another one is named
REPEATS = 3
"""Of the best configuration, to see how much they differ."""
VERDICTS = {"go_on": "go on", "little": "hardly worth it", "stop": "stop now"}


@click.command(epilog="\b\nExample:\n  sweep advise k3j9x2ab --trials 20")
@options.sweep_argument()
@click.option(
    "--trials",
    type=click.IntRange(1, 50),
    default=10,
    show_default=True,
    metavar="N",
    help="How many further trials the gain is of.",
)
@options.json_option("what is believed of the best, the region and the gain")
def advise(sweep: str, trials: int, as_json: bool) -> None:
    """Say which trial is really the best, where to look next, and if more trials pay.

    A model of all trials tells luck from merit, where values are noisy: it ranks configurations by
    their probable true value; while nothing shows noise, the best value stays first. The
    region is printed last, as YAML for the next sweep's file.
    """
    with connection.server() as client:
        status = connection.sweep_status(client, sweep)
        found = client.advice(status["id"], trials)
    if as_json:
        options.print_json(found)
        return
    report.check_answer(found, status["id"])
    metric = (status.get("metric") or {}).get("name", "objective")
    click.echo(_table(found, metric))
    for line in (
        _luck(found),
        _noise(found),
        *_once_more(found, status),
        _gain(found, metric),
        *_ends(found),
    ):
        if line:
            click.echo(line)
    text = found["region"]["yaml"]
    if text is None:
        click.echo("Where the best configuration is, is not known well enough to narrow any range.")
    else:
        click.echo("The best configuration is probably here (each range: 80 %):\n")
        click.echo(text, nl=False)


def believed(client: Client, sweep_id: str) -> dict[str, Any] | None:
    """{best, rivals, noisy, luckiest, noise} of the server's advice; None where there is too
    little to say, or no advice: it is an extra."""
    try:
        found = client.advice(sweep_id, 0)
    except OpensweepError:
        return None
    if not found["best"] or found["problem"]:
        return None
    return {key: found[key] for key in ("best", "rivals", "noisy", "luckiest", "noise")}


def best_lines(found: Mapping[str, Any], number: int) -> list[str]:
    """What a model adds to the trial with the best value.

    Args:
        found: of `believed`.
        number: that trial's.
    """
    first = found["best"][0]
    mine = next((each for each in found["best"] if number in each["numbers"]), None)
    lines = []
    if mine is not None:
        lines.append(
            f"true value probably {_between(mine)}; the best of those tried with a chance of "
            f"{_percent(mine['chance'])}"
        )
    if first is mine and (doubt := _doubt(found)):
        lines.append(doubt)
    if first is not mine:
        luck = "its value was probably luck" if mine is None else "this one's lead may be luck"
        lines.append(
            f"believed best: trial {first['number']}, probably {_between(first)}, chance "
            f"{_percent(first['chance'])}; {luck}"
        )
    return lines


def _table(found: Mapping[str, Any], metric: str) -> str:
    rows = [
        [
            ", ".join(map(str, each["numbers"][:4])) + ("…" if len(each["numbers"]) > 4 else ""),
            _text.number(each["seen"]),
            _text.number(each["value"]),
            f"{_text.number(each['low'])} to {_text.number(each['high'])}",
            _percent(each["chance"]),
            _text.config_line(each["config"]),
        ]
        for each in found["best"][:SHOWN]
    ]
    headers = ["TRIAL", metric, "PROBABLY", "95 %", "BEST", "CONFIG"]
    return _text.table(headers, rows, right=[metric, "PROBABLY", "BEST"])


def _rest(found: Mapping[str, Any]) -> str:
    """Who else may be the best, where those shown probably are not."""
    shown, rivals = found["best"][:SHOWN], found["rivals"]
    others = rivals["configurations"] - len(shown)
    held = sum(each["chance"] for each in shown)
    if others <= 0 or held >= 0.8:
        return ""
    line = (
        f"These {len(shown)} are the best of those tried with {_percent(held)} together, "
        f"{_text.plural(others, 'other')} with the rest"
    )
    if rivals["number"] not in [each["number"] for each in shown]:
        line += f"; the likeliest is trial {rivals['number']} with {_percent(rivals['chance'])}"
    return f"{line}."


def _doubt(found: Mapping[str, Any]) -> str:
    """Where the best value stands first, but another one would, if there were noise."""
    first, rivals = found["best"][0], found["rivals"]
    if found["noisy"] != "unknown" or rivals["chance"] < _DOUBTED * first["chance"]:
        return ""
    return (
        f"trial {first['number']} has the best value, but if runs of one configuration differ, "
        f"trial {rivals['number']} is rather the best: {_percent(rivals['chance'])} against "
        f"{_percent(first['chance'])}"
    )


def _luck(found: Mapping[str, Any]) -> str:
    lucky = found["luckiest"]
    if not lucky or lucky["is_best"]:
        return ""
    probably = "may be" if found["noisy"] == "unknown" else "was probably"
    return (
        f"Trial {lucky['number']} has the best value, {_text.number(lucky['seen'])}, but that "
        f"{probably} luck: it is number {lucky['rank']} by its probable true value."
    )


def _noise(found: Mapping[str, Any]) -> str:
    if found["noisy"] == "unknown":
        return (
            "These trials do not tell whether runs of one configuration differ; further runs of "
            "the best one would."
        )
    if found["noise"] is None:
        return "There is hardly any noise: values can be taken as they are."
    return f"Runs of one configuration differ by about {_text.number(found['noise'])}."


def _once_more(found: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """The commands that tell how much runs of the best configuration differ, where that is not
    known; [] for a sweep that takes no trials any more."""
    if found["noisy"] != "unknown" or not found["best"]:
        return []
    if status["state"] in ("canceled", "stopping"):
        return []
    sweep_id, cap = status["id"], status.get("run_cap")
    wanted = sum(status["counts"].values()) + REPEATS
    lines = []
    if cap is not None and wanted > cap:
        lines.append(f"sweep update {sweep_id} --run-cap {wanted}")
    number = found["best"][0]["number"]
    lines.append(f"sweep enqueue {sweep_id} --again {number} --times {REPEATS}")
    if not status.get("agents"):
        lines.append(f"sweep agent {sweep_id}")
    return [f"  {line}" for line in lines]


def _gain(found: Mapping[str, Any], metric: str) -> str:
    gain = found["gain"]
    if gain["left"] == 0:
        return "Every configuration was tried: stop now."
    parts = [
        f"{_text.plural(gain['trials'], 'more trial').capitalize()}: {metric} is expected to get "
        f"better by {_text.number(gain['expected'])} (68 %: {_text.number(gain['inner_low'])} to "
        f"{_text.number(gain['inner_high'])})"
    ]
    if gain["lately"] is not None:
        parts.append(f"the last {gain['trials']} brought {_text.number(gain['lately'])}")
    if gain["wall_s"] is not None and gain["wall_s"] >= 1:
        took = f"they take about {_text.duration(gain['wall_s'])}"
        if gain["accelerator_s"] >= 36:
            took += f", {gain['accelerator_s'] / 3600:.2g} accelerator-hours"
        parts.append(took)
    verdict = click.style(VERDICTS[gain["verdict"]], bold=True)
    return f"{'; '.join(parts)}: {verdict}."


def _ends(found: Mapping[str, Any]) -> list[str]:
    lines = []
    for part in found["region"]["parameters"]:
        if part["at"] is None:
            continue
        end = part["low" if part["at"] == "min" else "high"]
        natural = part["at"] == "min" and end == 0
        widen = "widen that bound, if it may be less" if natural else "widen that bound"
        lines.append(f"{part['name']} is best at its {part['at']} of {_text.number(end)}: {widen}.")
    return lines


def _between(each: Mapping[str, Any]) -> str:
    low, high = _text.number(each["low"]), _text.number(each["high"])
    return f"{_text.number(each['value'])} (95 %: {low} to {high})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
