"""The server as a process of its own: how it is found, started, shared, killed and ended.

Every test has a home folder of its own, and fails if a process outlives it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import urllib3

from controller.server.home import Home
from opensweep.local import (
    Settings,
    ensure_server,
    find_server,
    server_status,
    start_server,
    stop_server,
)
from sweeps import errors
from sweeps.protocol.connect import connect
from sweeps.protocol.live import AgentBeat, Live

ROOT = Path(__file__).resolve().parents[2]
SWEEP = "program: t.py\nmethod: random\nmetric: {name: l}\nparameters: {x: {min: 0.0, max: 1.0}}\n"


def wait_until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)


def alive(connection: redis.Redis) -> list[str]:
    """The agents that live, as Redis says; none while it is being started again."""
    try:
        return [agent.agent_id for agent in Live(connection).agents()]
    except redis.exceptions.ConnectionError:
        return []


def processes_of(home: Path) -> list[psutil.Process]:
    """Those that live and have to do with this home: the server (by its lock), its Redis."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            told = " ".join(process.cmdline())
            mine = process.environ().get("OPENSWEEP_HOME") == str(home) and "local import" in told
            if mine or str(home) in told:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    found = Settings(home=tmp_path / "home")
    try:
        yield found
    finally:
        stop_server(found)
        for process in processes_of(found.home):
            process.kill()
            pytest.fail(f"left running: {process}")


def pid_of(settings: Settings) -> int:
    status = server_status(settings)
    assert status is not None
    return int(status["pid"])


def broker_of(settings: Settings) -> psutil.Process:
    (broker,) = psutil.Process(pid_of(settings)).children()
    return broker


def test_it_starts_is_found_again_and_stops(settings: Settings) -> None:
    said: list[str] = []
    with ensure_server(settings, said.append) as client:
        assert len(said) == 1
        assert client.url in said[0]
        assert client.sweeps() == []
        sweep_id = client.create_sweep(SWEEP)["id"]
        with ensure_server(settings, said.append) as again:
            assert again.url == client.url
        assert len(said) == 1, "said once"
    status = server_status(settings)
    assert status is not None
    assert set(status) >= {"pid", "url", "started", "version", "server_id", "home"}
    assert stop_server(settings) is True
    assert processes_of(settings.home) == []
    assert server_status(settings) is None
    assert find_server(settings) is None
    assert stop_server(settings) is False
    left = {path.name for path in settings.home.rglob("*")}
    assert not left & {"server.json", "valkey.sock"}
    with ensure_server(settings, said.append) as client:
        assert [sweep["id"] for sweep in client.sweeps()] == [sweep_id], "the record stays"


def test_what_it_keeps_is_for_its_user_alone(settings: Settings) -> None:
    with ensure_server(settings, lambda _: None):
        for path in settings.home.rglob("*"):
            mode = path.stat().st_mode
            entered = path.relative_to(settings.home).parts[0] == "broker"
            assert not mode & 0o077 or entered, path
        assert settings.home.stat().st_mode & 0o077 == 0


def test_two_commands_at_once_make_one_server(settings: Settings) -> None:
    urls: list[str] = []
    said: list[str] = []

    def ask() -> None:
        with ensure_server(settings, said.append) as client:
            urls.append(client.url)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(urls) == 3
    assert len(set(urls)) == len(said) == 1


def test_a_second_server_on_one_home_is_refused(settings: Settings) -> None:
    url = start_server(settings)
    with pytest.raises(errors.HomeInUse) as caught:
        start_server(settings)
    assert url in str(caught.value)
    assert str(pid_of(settings)) in str(caught.value)


def test_it_ends_when_idle_but_not_while_an_agent_lives(settings: Settings) -> None:
    settings = replace(settings, idle_s=1.0)
    with ensure_server(settings, lambda _: None) as client:
        hand = client.handshake()
        assert hand["idle_s"] == 1.0
        with connect(hand["redis_url"], server_id=hand["server_id"]) as connection:
            live = Live(connection, lease_s=3.0)
            live.beat(AgentBeat("a", "s", 1))
            asked = time.monotonic()
            wait_until(lambda: not Home(settings.home).server_lives())
    assert time.monotonic() - asked > 2.5, "it stayed as long as the agent"
    wait_until(lambda: processes_of(settings.home) == [])


def test_its_own_key_is_an_admins_and_one_that_old_wandb_clients_take(settings: Settings) -> None:
    with ensure_server(settings, lambda _: None) as client:
        hand = client.handshake()
        assert re.fullmatch("[0-9a-f]{40}", client.key)
        assert hand["role"] == "admin"
        assert hand["user"]
        made = client.create_key("ann", "admin")
    stop_server(settings)
    settings.home.joinpath("api_key").write_text("older-homes-have-shorter-ones\n")
    with ensure_server(settings, lambda _: None) as client:
        assert client.key == "older-homes-have-shorter-ones"
        assert [key["id"] for key in client.api_keys()] == [made["id"]]
    with ensure_server(replace(settings, key=made["key"])) as client:
        assert client.handshake()["user"] == "ann"


def test_one_that_was_started_on_purpose_does_not_end_by_itself(settings: Settings) -> None:
    start_server(replace(settings, idle_s=0.1))
    client = find_server(settings)
    assert client is not None
    with client:
        assert client.handshake()["idle_s"] is None


def test_one_that_is_started_on_purpose_takes_the_place_of_one_that_ends_when_idle(
    settings: Settings,
) -> None:
    said: list[str] = []
    with ensure_server(settings, lambda _: None) as client:
        sweep_id = client.create_sweep(SWEEP)["id"]
        before = pid_of(settings)
        assert start_server(settings, say=said.append) == client.url, "agents know this address"
        assert pid_of(settings) != before
        assert client.handshake()["idle_s"] is None
        assert client.sweep(sweep_id)["id"] == sweep_id
    assert len(said) == 1
    assert client.url in said[0]


def test_after_kill_9_nothing_is_left_and_the_next_one_goes_on(settings: Settings) -> None:
    with ensure_server(settings, lambda _: None) as client:
        sweep_id = client.create_sweep(SWEEP)["id"]
        old_id = client.handshake()["server_id"]
    broker = broker_of(settings)
    os.kill(pid_of(settings), signal.SIGKILL)
    wait_until(lambda: processes_of(settings.home) == [])
    assert not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE
    assert Home(settings.home).note_file.exists(), "the note of the dead one, to be ignored"
    assert find_server(settings) is None
    with ensure_server(settings, lambda _: None) as client:
        assert client.sweep(sweep_id)["id"] == sweep_id
        assert client.handshake()["server_id"] == old_id


def test_a_stale_note_is_not_believed(settings: Settings) -> None:
    """Its process id may be somebody else's by now, its port another program's."""
    home = Home(settings.home)
    home.prepare()
    note = {"pid": os.getpid(), "url": "http://127.0.0.1:9", "started": 0.0, "version": "0"}
    home.note_file.write_text(json.dumps(note))
    home.lock_file.write_text(f"{os.getpid()}\n")
    assert find_server(settings) is None
    assert stop_server(settings) is False, "and nobody is killed for it"
    with ensure_server(settings, lambda _: None) as client:
        assert client.url != note["url"]


def test_a_taken_port_is_avoided_unless_it_was_asked_for(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(errors.ConfigurationError, match=str(port)):
            start_server(settings, port=port)
    assert server_status(settings) is None
    first = start_server(settings)
    other = replace(settings, home=settings.home.with_name("other"))
    usual = int(first.rpartition(":")[2])
    Home(other.home).prepare()
    Home(other.home).keep_port(usual)
    try:
        said: list[str] = []
        second = start_server(other, say=said.append)
        assert second != first
        [line] = said
        assert line.startswith(f"port {usual} is taken by another program: ")
        assert second in line
        stop_server(settings)
        stop_server(other)
        assert start_server(other) == second, "the agents that are still there know this address"
    finally:
        stop_server(other)


def test_its_redis_is_started_again(settings: Settings) -> None:
    with ensure_server(settings, lambda _: None) as client:
        hand = client.handshake()
        with connect(hand["redis_url"], server_id=hand["server_id"]) as connection:
            Live(connection).beat(AgentBeat("a", "s", 1))
            before = broker_of(settings).pid
            os.kill(before, signal.SIGKILL)
            wait_until(lambda: alive(connection) == ["a"])
        assert broker_of(settings).pid != before
        assert client.sweeps() == []


def test_off_loopback_agents_get_a_tcp_address(settings: Settings) -> None:
    url = start_server(settings, host="0.0.0.0")
    assert url.startswith("http://127.0.0.1:")
    headers = {"Authorization": f"Bearer {Home(settings.home).key()}", "Host": "gpu1.lan:8080"}
    with urllib3.PoolManager() as pool:
        hand = pool.request("GET", f"{url}/api/handshake", headers=headers).json()
    assert "@gpu1.lan:" in hand["redis_url"]
    here = hand["redis_url"].replace("gpu1.lan", "127.0.0.1")
    with connect(here, server_id=hand["server_id"]) as connection:
        assert Live(connection).agents() == []


def test_why_it_cannot_start_is_told_to_who_started_it(settings: Settings) -> None:
    unreachable = replace(settings, redis_url="redis://:secret@127.0.0.1:1/0")
    with pytest.raises(errors.BrokerError, match="cannot be reached") as caught:
        ensure_server(unreachable, lambda _: None)
    assert "secret" not in str(caught.value)
    settings.home.joinpath("opensweep.db").unlink(missing_ok=True)
    settings.home.joinpath("opensweep.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(errors.StoreError):
        ensure_server(settings, lambda _: None)
    assert processes_of(settings.home) == []


def test_a_request_in_flight_is_answered_before_the_end(settings: Settings) -> None:
    with ensure_server(settings, lambda _: None) as client:
        port = int(client.url.rpartition(":")[2])
        key = Home(settings.home).key()
        body = json.dumps({"yaml": SWEEP}).encode()
        head = (
            f"POST /api/sweeps HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port), 20) as tcp:
            tcp.sendall(head.encode() + body[:10])
            client.sweeps()  # it has read the beginning by now
            os.kill(pid_of(settings), signal.SIGTERM)

            def refused() -> bool:
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", port)) != 0

            wait_until(refused)
            tcp.sendall(body[10:])
            assert b" 200 " in tcp.recv(65536).split(b"\r\n")[0]
    wait_until(lambda: processes_of(settings.home) == [])


def test_a_wrong_key_or_none_is_said_clearly(settings: Settings) -> None:
    with ensure_server(settings, lambda _: None) as client:
        url = client.url
    elsewhere = replace(settings, url=url, home=settings.home / "nothing-here")
    with pytest.raises(errors.ConfigurationError, match="OPENSWEEP_API_KEY is not set"):
        ensure_server(elsewhere)
    with pytest.raises(errors.ConfigurationError, match="refuses the API key"):
        ensure_server(replace(elsewhere, key="wrong"))
    with pytest.raises(errors.ConfigurationError, match="refuses the API key"):
        ensure_server(replace(settings, key="wrong"))
    with ensure_server(replace(elsewhere, key=Home(settings.home).key())) as client:
        assert client.sweeps() == []


def test_a_named_server_that_is_not_there_is_not_replaced_by_a_local_one(
    settings: Settings,
) -> None:
    with pytest.raises(errors.ServerUnreachable, match=r"127\.0\.0\.1:9 does not answer"):
        ensure_server(replace(settings, url="http://127.0.0.1:9", key="k"))
    assert not settings.home.exists()


def test_a_home_that_cannot_be_one_is_said_clearly(settings: Settings) -> None:
    settings.home.write_text("a file")
    with pytest.raises(errors.ConfigurationError, match="cannot be used"):
        ensure_server(settings)
    settings.home.unlink()
    settings.home.joinpath("start.lock").mkdir(parents=True)
    with pytest.raises(errors.ConfigurationError, match=r"start\.lock cannot be written"):
        ensure_server(settings)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_in_the_foreground_it_ends_on_a_signal_with_code_0(
    settings: Settings, number: signal.Signals
) -> None:
    code = (
        "import sys; from pathlib import Path; from opensweep.local import Settings, run_server\n"
        "run_server(Settings(home=Path(sys.argv[1])), say=lambda line: print(line, flush=True))"
    )
    argv = [sys.executable, "-c", code, str(settings.home)]
    pipe: Any = subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, cwd=ROOT, text=True) as server:
        assert server.stdout is not None
        assert "http://127.0.0.1:" in server.stdout.readline()
        server.send_signal(number)
        _, said = server.communicate(timeout=30)
        assert server.returncode == 0, said
    assert processes_of(settings.home) == []


def test_a_signal_during_the_start_ends_it_too(settings: Settings) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "import controller.store.store as store\n"
        "from opensweep.local import Settings, run_server\n"
        "store.open_store = lambda url: os.kill(os.getpid(), signal.SIGTERM)\n"
        "run_server(Settings(home=Path(sys.argv[1])), say=print)"
    )
    argv = [sys.executable, "-c", code, str(settings.home)]
    done = subprocess.run(argv, capture_output=True, cwd=ROOT, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    assert processes_of(settings.home) == []
