"""The broker with real servers: what agents may do, what a Redis must be, and that none is left.

Each test fails if a server process outlives it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from controller.broker import Broker
from controller.queue import TrialQueue
from controller.valkey import acl_line, find_binary
from sweeps.errors import BrokerError, ConfigurationError
from sweeps.protocol.connect import OWNER_KEY, connect, redact
from sweeps.protocol.live import AgentBeat, Claim, Live, Order


def wait_until(condition: Callable[[], object], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.01)


def answered(ask: Callable[[], object]) -> object:
    """The answer; None while Redis is away (a busy machine takes its time to start it again)."""
    try:
        return ask()
    except redis.exceptions.ConnectionError:
        return None


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Open to other machines, as with `--host`, but on loopback."""
    broker = Broker(tmp_path / "broker", "me@here", listen="127.0.0.1")
    broker.launch()
    try:
        broker.connect()
        yield broker
    finally:
        pid = broker.pid
        broker.close()
    assert pid is not None
    assert gone(pid)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a plain Redis of somebody's own; gives its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> str:
        folder = tmp_path / f"other{len(started)}"
        folder.mkdir()
        path = folder / "s"
        argv = [find_binary(), "--port", "0", "--unixsocket", str(path), "--save", "", *arguments]
        server = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL)
        started.append(server)
        wait_until(path.exists)
        return f"unix://{path}?db=0"

    try:
        yield start
    finally:
        for server in started:
            server.terminate()
            server.wait(20)


def test_an_agent_can_do_its_work(broker: Broker) -> None:
    for url in (broker.agent_url(None), broker.agent_url("127.0.0.1")):
        connection = connect(url, server_id="me@here")
        with connection:
            live, queue = Live(connection), TrialQueue(connection)
            trial = f"s-{1 if url.startswith('unix') else 2}"
            queue.enqueue("s", [(trial, 1)])
            assert queue.waiting("s") == {(trial, 1)}
            live.set_sweep_state("s", "running")
            assert live.beat(AgentBeat("a", "s", 1), ring=True) == "running"
            assert live.wait_for_ring(1)
            assert [agent.agent_id for agent in live.agents()] == ["a"]
            live.set_epoch("now")
            assert live.project(trial, 1, "s", epoch="now")
            assert live.claim(trial, 1, "a") is Claim.OK
            assert live.order(trial, 1, Order.STOP, "why")
            assert live.renew(trial, 1, "a").order is Order.STOP
            with connection.pubsub() as listener:
                listener.subscribe("sweep:wake:a")
                assert listener.get_message(timeout=5) is not None, "the subscription itself"
                live.wake("a")
                message = listener.get_message(timeout=5)
                assert message is not None
                assert message["type"] == "message"
            assert live.finish(trial, 1)
            live.leave("a")
            queue.delete("s")


@pytest.mark.parametrize(
    "command",
    [
        "SET foo 1",
        "GET foo",
        "KEYS *",
        "FLUSHALL",
        "FLUSHDB",
        "SWAPDB 0 1",
        "CONFIG GET *",
        "CONFIG SET dir /",
        "ACL LIST",
        "ACL SETUSER agent allkeys",
        "SHUTDOWN NOSAVE",
        "DEBUG SLEEP 0",
        "CLIENT LIST",
        "CLIENT KILL TYPE normal",
        "SCRIPT FLUSH",
        "FUNCTION LIST",
        "MODULE LIST",
        "REPLICAOF no one",
        "MONITOR",
        "SAVE",
        "BGREWRITEAOF",
        "PUBLISH foo bar",
        "SUBSCRIBE foo",
        "RENAME sweep:doorbell foo",
        "EVAL return(redis.call('GET','foo')) 0",
        "EVAL return(redis.call('FLUSHALL')) 0",
        "MIGRATE localhost 1 foo 0 1",
    ],
)
def test_an_agent_can_do_nothing_else(broker_of_module: Broker, command: str) -> None:
    url = broker_of_module.agent_url("127.0.0.1")
    with redis.Redis.from_url(url) as connection:
        assert connection.ping()
        with pytest.raises(redis.exceptions.ResponseError) as caught:
            connection.execute_command(*command.split())
        assert any(
            word in str(caught.value) for word in ("permission", "not allowed", "ACL failure")
        )


@pytest.fixture(scope="module")
def broker_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("m") / "broker", "me@here", listen="127.0.0.1")
    broker.launch()
    try:
        broker.connect()
        yield broker
    finally:
        broker.close()


def test_nobody_comes_in_without_a_password(broker_of_module: Broker) -> None:
    for who in ("", "agent:wrong@", "default:@", ":x@"):
        url = f"redis://{who}127.0.0.1:{broker_of_module.tcp_port}/0"
        with pytest.raises(BrokerError, match="refuses the user or password") as caught:
            connect(url)
        assert "wrong" not in str(caught.value)


def test_no_password_is_in_an_argv_or_readable_by_others(broker: Broker) -> None:
    argv = " ".join(psutil.Process(broker.pid).cmdline())
    secret = broker.agent_url("h").split(":")[2].split("@")[0]
    assert secret
    assert secret not in argv
    config = Path(psutil.Process(broker.pid).cwd()) / "valkey.conf"
    assert secret not in config.read_text(), "only its hash"
    assert config.parent.stat().st_mode & 0o077 == 0
    for file in ("valkey.conf", "agent_password"):
        assert (config.parent / file).stat().st_mode & 0o077 == 0


def test_one_that_was_killed_comes_back_with_its_data(broker: Broker) -> None:
    url = broker.agent_url("127.0.0.1")
    with connect(url) as connection:
        connection.set("sweep:x", "kept")
        before = broker.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: broker.pid not in (None, before))
        wait_until(lambda: answered(lambda: connection.get("sweep:x")) == b"kept")


def test_data_that_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    first = Broker(tmp_path / "broker", "me@here")
    first.launch()
    first.connect().set("sweep:x", "1")
    first.close()
    (data,) = (tmp_path / "broker" / "appendonlydir").glob("*.incr.aof")
    data.write_bytes(b"*1\r\n$4\r\nJUNK\r\n" + b"no redis command" * 100)
    second = Broker(tmp_path / "broker", "me@here")
    second.launch()
    try:
        assert second.connect().get("sweep:x") is None
        assert list((tmp_path / "broker").glob("appendonlydir.unreadable-*"))
    finally:
        second.close()


def test_it_dies_with_a_server_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from controller.broker import Broker\n"
        "b = Broker(Path(sys.argv[1]), 'me'); b.launch(); b.connect(); print(b.pid, flush=True)\n"
        "time.sleep(100)"
    )
    argv = [sys.executable, "-c", code, str(tmp_path / "broker")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        assert not gone(pid)
        server.kill()
        wait_until(lambda: gone(pid))


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "broker"
    folder.parent.mkdir()
    broker = Broker(folder, "me@here")
    broker.launch()
    try:
        broker.connect()
        with connect(broker.agent_url(None), server_id="me@here") as connection:
            short = Path(connection.connection_pool.connection_kwargs["path"])
        assert len(str(short)) <= 107
        assert short.parent.stat().st_mode & 0o077 == 0
    finally:
        broker.close()
    assert not short.parent.exists()


def test_the_address_for_agents_stays_after_a_restart(tmp_path: Path) -> None:
    urls = []
    for _ in range(2):
        broker = Broker(tmp_path / "broker", "me@here", listen="127.0.0.1")
        broker.launch()
        try:
            broker.connect()
            urls.append(broker.agent_url("gpu1"))
        finally:
            broker.close()
    assert urls[0] == urls[1]
    assert "[::7]" in broker.agent_url("::7")


# -- a Redis of one's own --------------------------------------------------------------------------


def test_a_shared_redis_keeps_what_others_have_in_it(
    tmp_path: Path, other: Callable[..., str]
) -> None:
    url = other()
    with redis.Redis.from_url(url) as theirs:
        theirs.set("their-key", "1")
        broker = Broker(tmp_path / "broker", "me@here", redis_url=url)
        broker.launch()
        try:
            broker.connect()
            assert broker.agent_url("gpu1") == url
            assert not (tmp_path / "broker").exists(), "nothing is started"
        finally:
            broker.close()
        assert theirs.keys() == [b"their-key"]


def test_agents_may_be_told_another_address(tmp_path: Path, other: Callable[..., str]) -> None:
    """A user made by the line that `sweep server acl` prints can do an agent's work."""
    url = other()
    with redis.Redis.from_url(url) as theirs:
        theirs.execute_command(*acl_line().replace("PASSWORD", "secret").split())
    told = url.replace("unix://", "unix://agent:secret@")
    broker = Broker(tmp_path / "broker", "me@here", redis_url=url, agent_url=told)
    broker.launch()
    try:
        broker.connect()
        assert broker.agent_url("gpu1") == broker.agent_url(None) == told
        with connect(told, server_id="me@here") as connection:
            assert Live(connection).agents() == []
            with pytest.raises(redis.exceptions.NoPermissionError):
                connection.config_get("*")
    finally:
        broker.close()


def test_two_servers_cannot_share_one_redis(tmp_path: Path, other: Callable[..., str]) -> None:
    url = other()
    first = Broker(tmp_path / "a", "first@here", redis_url=url)
    second = Broker(tmp_path / "b", "second@here", redis_url=url)
    first.launch()
    second.launch()
    try:
        first.connect()
        with pytest.raises(BrokerError, match="first@here"):
            second.connect()
        first.close()
        second.connect()
    finally:
        first.close()
        second.close()


def test_a_redis_that_another_server_took_over_is_noticed(
    tmp_path: Path, other: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.protocol.connect.OWNER_S", 6.0)  # looks each second
    url = other()
    broker = Broker(tmp_path / "broker", "me@here", redis_url=url)
    broker.launch()
    try:
        connection = broker.connect()
        assert 0 < connection.ttl(OWNER_KEY) <= 6
        connection.set(OWNER_KEY, "somebody@else")
        wait_until(lambda: broker.conflict)
        assert "somebody@else" in str(broker.conflict)
        connection.delete(OWNER_KEY)
        wait_until(lambda: broker.conflict is None)
    finally:
        broker.close()


def test_a_redis_that_evicts_is_warned_of(
    tmp_path: Path, other: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    url = other("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    broker = Broker(tmp_path / "broker", "me@here", redis_url=url)
    broker.launch()
    try:
        broker.connect()
    finally:
        broker.close()
    assert "allkeys-lru" in caplog.text


def test_an_agent_is_told_of_a_redis_that_its_server_does_not_use(
    other: Callable[..., str],
) -> None:
    url = other()
    with pytest.raises(BrokerError, match="no opensweep server uses it"):
        connect(url, server_id="me@here", within_s=0.1)
    with redis.Redis.from_url(url) as connection:
        connection.set(OWNER_KEY, "somebody@else")
    with pytest.raises(BrokerError, match="somebody@else"):
        connect(url, server_id="me@here", within_s=0.1)


def test_a_replica_and_a_cluster_are_refused(other: Callable[..., str]) -> None:
    with pytest.raises(BrokerError, match="read-only replica"):
        connect(other("--replicaof", "127.0.0.1 1"))
    with pytest.raises(BrokerError, match="cluster"):
        connect(other("--cluster-enabled", "yes"))


@pytest.mark.parametrize("version", ["5.0.14", "6.0.16"])
def test_a_redis_that_is_too_old_is_refused(
    other: Callable[..., str], monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    old = redis.Redis.info

    def info(self: redis.Redis, *sections: str, **kwargs: object) -> object:
        return {**old(self, *sections, **kwargs), "redis_version": version}  # type: ignore[dict-item]

    monkeypatch.setattr(redis.Redis, "info", info)
    with pytest.raises(BrokerError, match=f"version {version}"):
        connect(other())


def test_one_that_is_out_of_reach_is_named_without_its_password(tmp_path: Path) -> None:
    for url in ("redis://u:secret@127.0.0.1:1/0", "redis://u:secret@no.such.host.invalid:6379/0"):
        with pytest.raises(BrokerError, match="cannot be reached") as caught:
            connect(url)
        assert redact(url) in str(caught.value)
        assert "secret" not in str(caught.value)
    with pytest.raises(BrokerError, match="--host"):
        connect(f"unix://u:secret@{tmp_path}/none.sock")


@pytest.mark.parametrize(
    "url", ["", "localhost:6379", "http://h/0", "redis://", "redis://h:port/0", "unix://"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENSWEEP_REDIS_URL"):
        connect(url)


def test_no_binary_at_all_is_said_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BrokerError, match="valkey-server"):
        find_binary()


def test_a_server_on_the_path_is_used_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "redis-server"
    monkeypatch.setenv("PATH", str(tmp_path))
    for told, used in (("Redis server v=7.2.1 sha=0", True), ("Redis server v=6.0.16", False)):
        fake.write_text(f"#!/bin/sh\necho '{told}'\n")
        fake.chmod(0o755)
        assert (find_binary() == str(fake)) is used
