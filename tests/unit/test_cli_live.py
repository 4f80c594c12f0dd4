"""The live picture that `sweep run` and `sweep status --watch` draw, and that it fits its terminal.

Drawn into memory from a server that speaks the API; what moves is changed by each test.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from cli_world import KEY, World, serving, trial
from rich.console import Console

from opensweep.commands import live
from sweeps.protocol.client import Client


@pytest.fixture
def world() -> Iterator[World]:
    with serving() as made:
        made.add("new00001")
        yield made


RUNNING = {"state": "running", "ended": None, "objective": None, "reason": None}


def test_the_live_picture(world: World) -> None:
    """Drawn into a file as on a terminal of 100 columns: what it says, not how it looks."""
    world.trials["new00001"] = [
        trial("new00001", 1),
        trial("new00001", 2, state="stopped", objective=0.5),
        trial("new00001", 3, **RUNNING),
        trial("new00001", 4, **RUNNING),
    ]
    world.histories["new00001-3"] = [{"_step": 0, "val/acc": 0.25}, {"_step": 1, "val/acc": "NaN"}]
    console = Console(width=100, record=True, force_terminal=True, file=io.StringIO())
    with (
        Client(world.url, KEY) as client,
        live.LiveDisplay(client, "new00001", console) as display,
    ):
        display.look()
        world.trials["new00001"].append(trial("new00001", 5, objective=0.99))
        status = display.look()
        curves = {"new00001-3": [0.2, 0.3, 0.25]}
        running = client.trials("new00001", state="running")
        for part in live.picture(status, running, curves, [0.91, 0.99], 1100.0, 100):
            console.print(part)
        display.print("a line above it")
    text = console.export_text()
    assert "new00001  running" in text
    assert "digits: bayes, maximize val/acc" in text
    assert "3 of 25 done: 2 finished, 1 stopped, 2 running" in text
    assert "best  0.99  trial 5  ▁█  lr=0.02" in text
    assert "trial 3" in text
    assert "0.25  ▁█▅  CPU" in text
    assert "no agent works for it: `sweep agent new00001`" in text
    assert "a line above it" in text


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 10)])
def test_the_live_picture_stays_on_the_screen(world: World, width: int, height: int) -> None:
    """Whatever is long or many: no line is folded, and lines of the terminal stay free."""
    config = {f"a_parameter_with_a_long_name_{number}": number / 7 for number in range(60)}
    ran = [trial("new00001", n, config=config, state="failed") for n in range(1, 9)]
    runs = [
        trial("new00001", n, config=config, **{**RUNNING, "host": f"box{n % 3}.long.example.org"})
        for n in range(9, 73)
    ]
    world.trials["new00001"] = [*ran, trial("new00001", 99, config=config), *runs]
    agents = [{"id": "a", "slots": 32, "free": 0}, {"id": "b", "slots": 40, "free": 8}]
    world.sweeps["new00001"].update(name="a-long-name-" * 9, agents=agents, eta_s=100.0)
    world.histories["new00001-9"] = [{"_step": n, "val/acc": n / 3} for n in range(40)]
    console = Console(width=width, height=height, force_terminal=True, file=io.StringIO())
    with (
        Client(world.url, KEY) as client,
        live.LiveDisplay(client, "new00001", console) as display,
    ):
        display.look()
        shown = console.render_lines(display.picture)
    text = ["".join(segment.text for segment in line).rstrip() for line in shown]
    assert 5 <= len(text) <= height - 2
    assert max(map(len, text)) <= width
    assert text[0].startswith("new00001  running  ")
    assert text[2].startswith("  best  1.89  trial 99  a_param")
    rows = [line for line in text if line.startswith("  trial ")]
    assert rows[0].split()[:2] == ["trial", "9"]
    assert text[-1] == f"  and {64 - len(rows)} more"
    if height >= 24:
        assert len(rows) == 16
        assert "64 of 72 slots busy, 2 agents" in text[3]


def test_the_live_picture_asks_again_only_for_what_went_on(world: World) -> None:
    world.trials["new00001"] = [trial("new00001", 1, **RUNNING), trial("new00001", 2, **RUNNING)]
    console = Console(width=100, force_terminal=True, file=io.StringIO())

    def asked() -> list[str]:
        return [line.split("/")[3] for line in world.requests if "/history" in line]

    with (
        Client(world.url, KEY) as client,
        live.LiveDisplay(client, "new00001", console) as display,
    ):
        display.look()
        display.look()
        assert asked() == ["new00001-1", "new00001-2"]
        world.trials["new00001"][1]["steps"] += 1
        display.look()
    assert asked() == ["new00001-1", "new00001-2", "new00001-2"]


def test_the_live_picture_estimates_nothing_where_nobody_works(world: World) -> None:
    """Whatever estimate a server makes."""
    console = Console(width=100, force_terminal=True, file=io.StringIO())
    agent = {"id": "a", "slots": 1, "free": 0}
    world.sweeps["new00001"].update(eta_s=100.0)
    with (
        Client(world.url, KEY) as client,
        live.LiveDisplay(client, "new00001", console) as display,
    ):
        heads = []
        for agents in ([], [agent]):
            world.sweeps["new00001"]["agents"] = agents
            display.look()
            first = console.render_lines(display.picture)[0]
            heads.append("".join(segment.text for segment in first))
    assert ["to go" in head for head in heads] == [False, True]


def test_the_live_picture_survives_an_outage(world: World) -> None:
    console = Console(width=100, force_terminal=True, file=io.StringIO())
    with (
        Client(world.url, KEY) as client,
        live.LiveDisplay(client, "new00001", console) as display,
    ):
        before = display.look()
        client.url = "http://127.0.0.1:1"
        assert display.look() == before
