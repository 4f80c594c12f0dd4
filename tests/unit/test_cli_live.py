"""The live picture that `sweep run` and `sweep status --watch` draw, and that it fits its terminal.

Drawn into memory from a server that speaks the API; what moves is changed by each test.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest
from cli_world import KEY, World, serving, trial
from rich.console import Console

from opensweep.commands import live
from opensweep.commands.live_picture import Room, Seen, picture
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
        seen = Seen(
            status,
            running=client.trials("new00001", state="running"),
            ended=client.trials("new00001", order="ended", limit=2),
            curves={"new00001-3": [0.2, 0.3, 0.25], "new00001-5": [0.1, 0.5, 0.99]},
            bests=[0.91, 0.99],
            troubles=["no agent works for it: `sweep agent new00001`"],
        )
        for part in picture(seen, 1100.0, 100, Room.of(40, 0, whole=True)):
            console.print(part)
        display.print("a line above it")
    text = console.export_text()
    assert "new00001  running" in text
    assert "digits: bayes, maximize val/acc" in text
    assert "3 of 25 done: 2 finished, 1 stopped, 2 running" in text
    assert "best  0.99  trial 5  ▁█  lr=0.02" in text
    assert "curve ▁▄█  0.1 to 0.99  val/acc" in text
    assert "trial 3" in text
    assert "trial 5  finished  0.99  1m ago" in text
    assert "trial 4  " in text
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
    more = next(n for n, line in enumerate(text) if line.startswith("  and "))
    rows = [line for line in text[:more] if line.startswith("  trial ")]
    assert rows[0].split()[:2] == ["trial", "9"]
    assert text[more] == f"  and {64 - len(rows)} more"
    if height < 20:
        assert "64 of 72 slots busy, 2 agents" in text[3]
        assert more == len(text) - 1
    else:
        assert text[3].startswith("  agent a  32 of 32 slots busy")
        assert len(rows) == min(height - 15, 16) if height < 40 else 16
        assert text[more + 1] == "  last ended"
        assert text[more + 2].startswith("  trial ")


def test_the_live_picture_asks_again_only_for_what_went_on(world: World) -> None:
    world.trials["new00001"] = [trial("new00001", 1, **RUNNING), trial("new00001", 2, **RUNNING)]
    console = Console(width=100, force_terminal=True, file=io.StringIO())

    def asked() -> list[str]:
        return [line.split("/")[3] for line in world.requests if "/samples" in line]

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


def test_the_live_picture_says_that_a_sweep_is_stuck_and_what_its_trials_lack(world: World) -> None:
    console = Console(width=100, force_terminal=True, file=io.StringIO())
    with (
        Client(world.url, KEY) as client,
        live.LiveDisplay(client, "new00001", console, alone=False) as display,
    ):

        def foot() -> str:
            display.look()
            lines = console.render_lines(display.picture)[-2:]
            return " ".join(segment.text for line in lines for segment in line)

        assert "stuck" not in foot()
        world.sweeps["new00001"]["trouble"] = "the search (gp) fails (ValueError: x)"
        assert "stuck: the search (gp) fails (ValueError: x)" in foot()
        world.sweeps["new00001"].update(
            trouble=None, metrics=[{"name": "ms", "goal": None, "missing": 2}]
        )
        assert "ms: 2 finished trials ended without it" in foot()


def test_the_live_picture_survives_an_outage(world: World) -> None:
    console = Console(width=100, force_terminal=True, file=io.StringIO())
    with (
        Client(world.url, KEY) as client,
        live.LiveDisplay(client, "new00001", console) as display,
    ):
        before = display.look()
        world.away = True
        assert display.look() == before
        shown = console.render_lines(display.picture)
        assert "the server has not answered for" in "".join(s.text for s in shown[-1])
        world.away = False
        display.look()
        shown = console.render_lines(display.picture)
        assert "no agent works for it" in "".join(s.text for s in shown[-1])


SWEEP_STATUS = (
    *(sys.executable, "-c"),
    "import sys; from opensweep._command import main; sys.argv[0] = 'sweep'; main()",
    "status",
)


class Terminal:
    """A pseudo-terminal with `sweep status ID --watch` in it."""

    def __init__(self, world: World, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(24, 80, theirs)
        environment = {**os.environ, "OPENSWEEP_URL": world.url, "OPENSWEEP_API_KEY": KEY}
        environment |= {"TERM": "xterm", "COLUMNS": "", "LINES": ""}
        self.process = subprocess.Popen(
            [*SWEEP_STATUS, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={name: value for name, value in environment.items() if value},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self._shown = ""

    def resize(self, height: int, width: int, descriptor: int | None = None) -> None:
        size = struct.pack("HHHH", height, width, 0, 0)
        fcntl.ioctl(self._ours if descriptor is None else descriptor, termios.TIOCSWINSZ, size)

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def forget(self) -> None:
        self._shown = ""

    def until(self, text: str, seconds: float = 20.0) -> str:
        """What came since, once `text` is in it."""
        deadline = time.monotonic() + seconds
        while text not in self._shown:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._ours], [], [], max(left, 0))
            assert ready, f"not within {seconds} s: {text!r} in {self._shown[-2000:]!r}"
            try:
                self._shown += os.read(self._ours, 1 << 16).decode(errors="replace")
            except OSError:  # the process is gone
                assert text in self._shown, self._shown[-2000:]
        return self._shown

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for each in opened:
        each.close()


def test_a_watch_follows_a_sweep_in_a_terminal(world: World, terminals: list[Terminal]) -> None:
    world.trials["new00001"] = [trial("new00001", n) for n in range(1, 4)]
    world.trials["new00001"].append(trial("new00001", 4, **RUNNING))
    world.histories["new00001-3"] = [{"_step": n, "val/acc": n / 10} for n in range(9)]
    world.sweeps["new00001"]["agents"] = [
        {"id": "a", "host": "gpu-box", "slots": 2, "free": 1, "devices": ["GPU 0", "GPU 1"]}
    ]
    screen = Terminal(world, "new00001", "--watch")
    terminals.append(screen)
    first = screen.until("last ended")
    for text in ("3 of 25 done", "0.93", "gpu-box", "GPU 0, GPU 1", "trial 4", "▁▂▃▄▅▆▇█"[:3]):
        assert text in first, text
    screen.forget()
    screen.resize(24, 40)
    screen.until("…")  # what was whole is cut now
    screen.resize(24, 80)
    world.away = True
    screen.until("the server has not answered")
    world.away = False
    screen.forget()
    world.trials["new00001"].append(trial("new00001", 5, objective=0.99))
    screen.until("4 of 25 done")
    screen.press(b"\x03")
    screen.until("the sweep goes on: `sweep status new00001 --watch` shows it again")
    assert screen.process.wait(10) == 130
    assert world.orders == []


def test_a_watch_ends_with_the_sweep(world: World, terminals: list[Terminal]) -> None:
    world.trials["new00001"] = [trial("new00001", 1)]
    screen = Terminal(world, "new00001", "--watch")
    terminals.append(screen)
    screen.until("1 of 25 done")
    world.sweeps["new00001"].update(state="finished", ended=1100.0)
    screen.until("sweep best new00001")
    assert screen.process.wait(10) == 0


def test_a_watch_into_a_file_writes_a_line_for_each_change(world: World) -> None:
    world.trials["new00001"] = [trial("new00001", 1)]
    environment = {**os.environ, "OPENSWEEP_URL": world.url, "OPENSWEEP_API_KEY": KEY}
    process = subprocess.Popen(
        [*SWEEP_STATUS, "new00001", "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout
    assert process.stderr
    assert "1 of 25 done (1 finished); best 0.91" in process.stdout.readline()
    world.away = True
    assert "Waiting for it." in process.stderr.readline()
    world.trials["new00001"].append(trial("new00001", 2, objective=0.5))
    world.away = False
    assert "the server is back" in process.stderr.readline()
    assert "2 of 25 done (2 finished)" in process.stdout.readline()
    world.sweeps["new00001"].update(state="finished", ended=1100.0)
    assert "finished: 2 of 25" in process.stdout.readline()
    assert process.wait(10) == 0
    process.stdout.close()
    process.stderr.close()
