"""`sweep importance`: which parameters are responsible for how much, and in which direction.

The server works it out (sweeps/analysis); here it is only set in columns, as the dashboard's page
of a sweep draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from opensweep import _text
from opensweep.commands import connection, options, report
from sweeps.errors import OpensweepError

MOST_PAIRS = 3
LEAST_PAIR = 0.02
"""Pairs with a smaller share are not worth a line."""


@click.command(epilog="\b\nExample:\n  sweep importance k3j9x2ab --of rank")
@options.sweep_argument()
@click.option(
    "--of",
    type=click.Choice(["value", "rank"]),
    default="value",
    show_default=True,
    help="The variance of the objective itself, or of its rank: a few huge losses count less then.",
)
@options.json_option("shares, intervals, marginals and correlations")
def importance(sweep: str, of: str, as_json: bool) -> None:
    """Show which parameters matter, by functional ANOVA and rank correlation.

    Shares are of the objective's variance over the whole space; what stands behind them is where
    they probably lie, and whether chance alone shows as much. A parameter under a condition is
    credited with its presence, too: of `beta2`, only there with adam, that is what adam does.
    """
    with connection.server() as client:
        status = connection.sweep_status(client, sweep)
        found = client.importance(status["id"], of)
    if as_json:
        options.print_json(found)
        return
    report.check_answer(found, status["id"])
    if not found["parameters"]:
        raise OpensweepError(
            f"the {found['trials']} trials of sweep {status['id']} have the same parameters, or "
            "the same objective."
        )
    click.echo(_table(found))
    click.echo(_sureness(found))


def _table(found: Mapping[str, Any]) -> str:
    rho = {each["name"]: each for each in found["correlations"] if not each["has_value"]}
    rows = []
    for each in found["parameters"]:
        chance = each["low"] <= each["noise"]
        direction = rho.get(each["name"])
        rows.append(
            [
                each["name"],
                _percent(each["share"]),
                f"{_percent(each['low'])} to {_percent(each['high'])}"
                + (", no more than chance" if chance else ""),
                "" if direction is None else f"{direction['rho']:+.2f}",
            ]
        )
    for pair in found["pairs"][:MOST_PAIRS]:
        if pair["share"] >= LEAST_PAIR:
            between = f"{_percent(pair['low'])} to {_percent(pair['high'])}"
            rows.append([" × ".join(pair["names"]), _percent(pair["share"]), between, ""])
    headers = ["PARAMETER", "SHARE", "PROBABLY", "CORRELATION"]
    return _text.table(headers, rows, right=["SHARE", "CORRELATION"])


def _sureness(found: Mapping[str, Any]) -> str:
    explained = max(found["explained"] or 0.0, 0.0)
    hint = "" if explained >= 0.35 else ": take it as a hint"
    return (
        f"of {found['trials']} trials; the model explains {_percent(explained)} of the variance of "
        f"trials that it has not seen{hint}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
