"""Leases in a real Valkey that was away for a while: only a holder that could speak can be late."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from controller.broker import Broker
from sweeps.protocol.live import AgentBeat, Claim, Live

LEASE_S = 6.5
AWAY_S = 7.0  # longer than a lease, and than the longest silence of somebody who lives


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker", "test")
    broker.launch()
    broker.connect()
    try:
        yield broker
    finally:
        broker.close()


def frozen(broker: Broker) -> None:
    """A machine that slept, or a Redis that hung."""
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    time.sleep(AWAY_S)
    os.kill(broker.pid, signal.SIGCONT)


def set_back(broker: Broker) -> None:
    """What a kill and a start with its append-only file come to, seconds later: it holds what it
    held, and none of it is of today."""
    with redis.Redis.from_url(broker.url) as connection:
        connection.zincrby("sweep:leases", -1000 * AWAY_S, "s-1")
        connection.decrby("sweep:heard", int(1000 * AWAY_S))


@pytest.mark.parametrize(
    ("away", "first"), [(frozen, "controller"), (set_back, "controller"), (set_back, "agent")]
)
def test_a_lease_stands_still_while_redis_is_away(
    broker: Broker, away: Callable[[Broker], None], first: str
) -> None:
    with redis.Redis.from_url(broker.url) as connection:
        live = Live(connection, LEASE_S)
        live.set_epoch("e")
        live.project("s-1", 1, "s", epoch="e")
        live.beat(AgentBeat("a", "s", 1))
        assert live.claim("s-1", 1, "a") is Claim.OK
        away(broker)
        if first == "agent":
            live.beat(AgentBeat("b", "s", 1))
        assert live.expired() == []
        assert live.renew("s-1", 1, "a").status is Claim.OK
        assert live.expired() == []


def test_who_is_silent_while_others_speak_is_late(broker: Broker) -> None:
    with redis.Redis.from_url(broker.url) as connection:
        live = Live(connection, 1.0)
        live.set_epoch("e")
        live.project("s-1", 1, "s", epoch="e")
        assert live.claim("s-1", 1, "a") is Claim.OK
        deadline = time.monotonic() + 10
        while not live.expired():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert [one.agent_id for one in live.expired()] == ["a"]
