"""`sweep open`, and the addresses that other commands print: against a real server."""

from __future__ import annotations

import getpass
import os
import pty
import re
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3
from cli_world import sweep
from test_server_api import KEY, SWEEP, World, running

from opensweep import _command
from opensweep.commands import dashboard

LINK = re.compile(r"(http://\S+)#login=([\w-]{32,})")


@pytest.fixture
def world(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # it keeps what $BROWSER said first
    with running(tmp_path_factory.mktemp("open")) as found:
        monkeypatch.setenv("OPENSWEEP_URL", found.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        yield found


def opens(world: World, code: str) -> bool:
    """Whether a code logs in."""
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("POST", f"{world.url}/api/session", json={"code": code})
    return answer.status == 200 and "Set-Cookie" in answer.headers


def printed(world: World, *words: str) -> str:
    """The path that `sweep open … --print` prints; its code is tried."""
    result = sweep("open", *words, "--print")
    assert (result.exit_code, result.stderr) == (0, "")
    found = LINK.fullmatch(result.stdout.strip())
    assert found, result.stdout
    assert opens(world, found[2])
    assert not opens(world, found[2])
    assert found[1].startswith(world.url)
    return found[1].removeprefix(world.url)


def test_what_it_opens(world: World) -> None:
    sweep_id = world.sweep_with_trials(1)
    world.client.register_run("ext-1", "uid", project="team/a b")
    assert printed(world) == "/"
    assert printed(world, sweep_id) == f"/sweeps/{sweep_id}"
    assert printed(world, f"any/where/{sweep_id}") == f"/sweeps/{sweep_id}"
    assert printed(world, f"{sweep_id}-1") == f"/runs/{sweep_id}-1"
    assert printed(world, "ext-1").startswith("/runs/")
    assert printed(world, "team/a b") == "/projects/team%2Fa%20b"
    result = sweep("open", "nosuch")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no sweep, run or project 'nosuch'" in result.stderr


def test_it_opens_the_browser_and_shows_no_code(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, browser = tmp_path / "told", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {told}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.2 50000 10.0.0.9 22")  # as VS Code's remote has it
    result = sweep("open")
    assert result.stdout == f"opened {world.url}/ in the browser\n"
    found = LINK.fullmatch(told.read_text().strip())
    assert found
    assert opens(world, found[2])


def test_a_browser_that_does_not_start_leaves_the_link(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", "/no/such/browser %s")
    assert LINK.search(sweep("open").stdout)


def test_without_a_screen_it_says_where(world: World) -> None:
    result = sweep("open")
    assert LINK.fullmatch(result.stdout.strip())
    assert "once, within 10 minutes" in result.stderr
    assert "ssh" not in result.stderr


def test_over_ssh_it_says_how_to_reach_this_machine(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = urlsplit(world.url).port
    monkeypatch.setenv("DISPLAY", ":0")  # forwarded: a browser over it would be no joy
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.2 50000 10.0.0.9 22")
    result = sweep("open")
    assert LINK.fullmatch(result.stdout.strip())
    assert f"ssh -N -L {port}:127.0.0.1:{port} {getpass.getuser()}@10.0.0.9\n" in result.stderr
    monkeypatch.setenv("SSH_CONNECTION", "fe80::2 50000 fe80::9 2222")
    assert f"ssh -N -p 2222 -L {port}:127.0.0.1:{port} " in sweep("open").stderr


def test_over_ssh_a_server_on_the_network_is_at_this_machines_address(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = urlsplit(world.url).port
    monkeypatch.setattr(dashboard, "_listens_on_the_network", lambda: True)
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.2 50000 10.0.0.9 22")
    result = sweep("open")
    assert result.stdout.startswith(f"http://10.0.0.9:{port}/#login=")
    assert f"with localhost:{port} in it, after\n  ssh -N -L {port}:" in result.stderr
    monkeypatch.setenv("SSH_CONNECTION", "fe80::2 50000 fe80::9 22")
    assert sweep("open").stdout.startswith(f"http://[fe80::9]:{port}/#login=")


def on_a_terminal(*words: str) -> str:
    """What a command prints where stdout is a terminal."""
    ours, theirs = pty.openpty()
    code = "import sys; from opensweep._command import main; sys.argv[0] = 'sweep'; main()"
    done = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=Path(_command.__file__).parents[1],
        stdout=theirs,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1"},
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 1 << 16):
            said += part
    except OSError:  # Linux: the other end is closed
        pass
    os.close(ours)
    assert done.wait(60) == 0, said
    return said.decode()


def test_a_code_is_printed_to_a_terminal_alone(world: World, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    for words in (
        ("server", "status"),
        ("create", str(tmp_path / "sweep.yaml"), "--program-elsewhere"),
    ):
        piped = sweep(*words).stdout
        assert f"in the browser: {world.url}/" in piped
        assert "#login" not in piped
        found = LINK.search(on_a_terminal(*words))
        assert found
        assert opens(world, found[2])


def test_a_reader_gets_a_readers_link(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSWEEP_API_KEY", str(world.client.create_key("ann", "read")["key"]))
    assert printed(world) == "/"
