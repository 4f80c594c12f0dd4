"""`sweep server`, `sweep doctor` and the completion of ids."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_world import KEY, World, serving, sweep, trial
from click.shell_completion import BashComplete

from opensweep._command import cli


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty home folder, and no other setting."""
    for name in [name for name in os.environ if name.startswith("OPENSWEEP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[World]:
    with serving() as made:
        monkeypatch.setenv("OPENSWEEP_URL", made.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        yield made


def test_no_server(home: Path) -> None:
    for command in (["server"], ["server", "status"]):
        result = sweep(*command)
        assert result.exit_code == 1
        assert "no server runs here" in result.stdout
    assert json.loads(sweep("server", "status", "--json").stdout)["running"] is False
    result = sweep("server", "stop")
    assert (result.exit_code, result.stderr) == (0, "no server runs here\n")
    assert json.loads(sweep("server", "stop", "--json").stdout) == {"stopped": False}
    assert not home.exists()  # looking makes nothing


def test_a_named_server(world: World) -> None:
    told = json.loads(sweep("server", "status", "--json").stdout)
    assert (told["running"], told["url"], told["version"]) == (True, world.url, "0.1.0")
    assert f"answers at {world.url}" in sweep("server").stdout


def test_the_figures_of_a_server_are_told(world: World) -> None:
    agent = {"slots": 4, "free": 0, "running": ["s-1", "s-2", "s-3"], "quarantined": ["bad"]}
    world.figures = {
        "agents": [agent, {"slots": 2, "free": 2}],
        "trials": {"running": 3, "finished": 12, "failed": 0},
        "runs": 1234,
        "rows": 5_000_000,
        "rates": {"rows": 1234.5, "requests": 20.1},
        "database": {"kind": "SQLite 3.45", "bytes": 9 << 20},
        "files": {"count": 3, "bytes": 100},
        "broker": {"reachable": False, "product": ""},
        "process": {"memory": 1 << 30},
        "pages": 2,
    }
    told = sweep("server", "status").stdout
    for line in (
        "agents   2 agents, 3 of 6 slots busy, 1 in quarantine",
        "trials   12 finished, 3 running",
        "runs     1,234, 5,000,000 rows",
        "takes in 1,234 rows/s, 20 requests/s",
        "database 9.0 MiB, SQLite 3.45",
        "files    100 B in 3",
        "broker   Redis is out of reach",
        "memory   1.0 GiB; 2 pages open",
    ):
        assert f"  {line}\n" in told
    assert json.loads(sweep("server", "status", "--json").stdout)["figures"] == world.figures


def test_what_wandb_clients_asked_for_in_vain_is_told(world: World) -> None:
    assert "not here" not in sweep("server", "status").stdout
    world.unknown = [
        {"operation": f"Op{n}", "field": "Run.fancy", "count": 9 - n} for n in range(7)
    ]
    told = sweep("server", "status").stdout
    assert "  Op0: Run.fancy (9 times)\n" in told
    assert "  and 2 more: sweep server status --json\n" in told
    assert json.loads(sweep("server", "status", "--json").stdout)["unknown"] == world.unknown


def test_a_named_server_that_is_away(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSWEEP_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENSWEEP_API_KEY", "k")
    result = sweep("server")
    assert result.exit_code == 1
    assert "no server answers at http://127.0.0.1:1" in result.stdout


def findings(code: int = 0) -> dict[str, dict[str, str]]:
    result = sweep("doctor", "--json")
    assert result.exit_code == code, result.stdout
    return {finding["check"]: finding for finding in json.loads(result.stdout)}


def test_doctor_on_a_fresh_machine(home: Path) -> None:
    found = findings()
    expected = {"python", "home", "disk", "server", "broker", "database", "gpu", "trainer"}
    assert set(found) == expected
    assert "fail" not in {finding["status"] for finding in found.values()}
    assert "will be made" in found["home"]["message"]
    assert not home.exists()  # it starts nothing and makes nothing

    lines = sweep("doctor").stdout.splitlines()
    assert lines[0].split()[:2] == ["ok", "python"]


def test_doctor_finds_a_server_that_is_away(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSWEEP_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENSWEEP_API_KEY", "k")
    found = findings(1)
    assert found["server"]["status"] == "fail"
    assert "OPENSWEEP_URL" in found["server"]["todo"]


def test_doctor_finds_a_broker_that_is_away(world: World) -> None:
    """The server of this test has no Redis; the rest of the report still comes."""
    found = findings(1)
    assert found["broker"]["status"] == "fail"
    assert found["server"]["status"] == "ok"
    assert found["clock"]["status"] == "ok"
    assert found["database"]["message"] == "holds 0 sweeps"
    assert "only listed" in found["alerts"]["message"]


def test_doctor_tells_whose_key_it_is_and_what_it_is_too_short_for(world: World) -> None:
    found = findings(1)["key"]
    assert found["message"] == "of ann, role admin"
    assert "40 characters" in found["todo"]  # KEY is shorter
    world.role = "read"
    found = findings()
    assert found["key"]["message"] == "of ann, role read"
    assert "sweep server key create" in found["key"]["todo"]
    assert "broker" not in found


def test_doctor_tells_whether_alerts_reach_anybody(world: World) -> None:
    world.delivery = {"addresses": 2, "problem": ""}
    assert findings(1)["alerts"]["message"] == "go to 2 addresses"
    world.delivery = {"addresses": 1, "problem": "1 of 2 addresses are wrong"}
    found = findings(1)["alerts"]
    assert (found["status"], found["message"]) == ("warn", "1 of 2 addresses are wrong")


def test_doctor_finds_wrong_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSWEEP_URL", "ftp://nowhere")
    found = findings(1)
    assert "OPENSWEEP_URL" in found["settings"]["message"]


def test_doctor_finds_a_home_that_cannot_be_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = findings(1)
    assert found["home"]["status"] == "fail"
    assert "OPENSWEEP_HOME" in found["home"]["todo"]


def test_doctor_names_the_python_that_trains(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSWEEP_PYTHON", sys.executable)
    assert sys.executable in findings()["trainer"]["message"]


def completed(*words: str) -> list[str]:
    """What bash is offered for the last word."""
    done = BashComplete(cli, {}, "sweep", "_SWEEP_COMPLETE")
    return [item.value for item in done.get_completions(list(words[:-1]), words[-1])]


def test_completion_of_commands_and_options() -> None:
    assert completed("st") == ["status", "stop", "stop-trial"]
    assert "--watch" in completed("status", "--w")


def test_completion_of_ids(world: World) -> None:
    world.add("abc12345", [trial("abc12345", 1), trial("abc12345", 2)])
    world.add("abd00000")
    assert completed("status", "abc") == ["abc12345"]
    assert completed("cancel", "ab") == ["abd00000", "abc12345"]
    assert completed("logs", "abc") == ["abc12345-"]
    assert completed("logs", "abc12345-") == ["abc12345-1", "abc12345-2"]
    assert completed("logs", "nope0000-") == []


def test_completion_starts_no_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed("status", "") == []
    assert not home.exists()
    monkeypatch.setenv("OPENSWEEP_URL", "nonsense")
    assert completed("status", "") == []
