"""Browsers that log in: what a cookie opens and for how long, whose requests count, codes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
import urllib3
from test_server_api import KEY, SWEEP, World, running

from controller.server.keyring import KeyRing
from controller.server.sessions import CODE_LIFE_S, LIFE_S, Codes, Sessions
from controller.store.keys import digest_of
from sweeps import errors
from sweeps.protocol.client import Client

DIGEST = digest_of(b"some key")
NOW = 1_750_000_000.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("sessions")) as found:
        yield found


@pytest.fixture
def own(world: World) -> dict[str, str]:
    """What a browser sends with a request of our own pages, on loopback."""
    host = world.url.partition("://")[2]
    return {"Sec-Fetch-Site": "same-origin", "Origin": world.url, "Host": host}


def answer(
    world: World, method: str, path: str, body: object = None, **headers: str
) -> urllib3.BaseHTTPResponse:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib3.PoolManager(retries=False) as pool:
        return pool.request(
            method, world.url + path, json=body, headers={**given, "Connection": "close"}
        )


def logged_in(world: World, **said: str) -> str:
    """The Cookie header of a browser that logged in."""
    found = answer(world, "POST", "/api/session", said)
    assert found.status == 200, found.data
    return found.headers["Set-Cookie"].partition(";")[0]


# -- the cookie -----------------------------------------------------------------------------------


def test_a_cookie_is_good_for_a_month_and_for_its_server_alone() -> None:
    sessions = Sessions("secret", "server")
    token = sessions.token(DIGEST, NOW)
    assert DIGEST not in token

    def read(by: Sessions, token: str, now: float = NOW) -> str | None:
        return by.digest(f"{sessions.cookie}={token}", now)

    assert DIGEST.startswith(read(sessions, token) or "nothing")
    assert read(sessions, token, NOW + LIFE_S - 1)
    assert read(sessions, token, NOW + LIFE_S) is None
    assert read(Sessions("another", "server"), token) is None
    assert Sessions("secret", "another").cookie != sessions.cookie


def test_nothing_in_a_cookie_can_be_changed() -> None:
    sessions = Sessions("secret", "server")
    token = sessions.token(DIGEST, NOW)
    digest, expires, signature = token.split(".")
    for forged in (
        "",
        ".",
        "..",
        token[:-1],
        token + "x",
        f"{digest}.{int(expires) + 1}.{signature}",
        f"{digest[:-1]}0.{expires}.{signature}",
        f"{digest}.{signature}",
        f"{digest}.{expires}.",
        "\xff.\xff.\xff",
    ):
        assert sessions.digest(f"{sessions.cookie}={forged}", NOW) is None, forged


def test_odd_cookies_of_other_programs_on_this_host_are_no_hindrance() -> None:
    sessions = Sessions("secret", "server")
    token = sessions.token(DIGEST, NOW)
    for before in ("a(b=1", "path=/x", 'q="un;closed', "=", "no value", "{}=1; \xe9=2"):
        found = sessions.digest(f"{before}; {sessions.cookie}={token};  z=1", NOW)
        assert found, before
    # Another port's program may set one of our name: it takes nothing away.
    assert sessions.digest(f"{sessions.cookie}=x; {sessions.cookie}={token}", NOW)


def test_scripts_and_other_sites_never_get_the_cookie(world: World) -> None:
    jar = SimpleCookie(answer(world, "POST", "/api/session", {"key": KEY}).headers["Set-Cookie"])
    (cookie,) = jar.values()
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "strict"
    assert cookie["path"] == "/"
    assert not cookie["domain"]
    assert not cookie["secure"]  # by plain HTTP a browser would throw it away
    assert 0 < int(cookie["max-age"]) <= LIFE_S
    by_proxy = answer(world, "POST", "/api/session", {"key": KEY}, X_Forwarded_Proto="https")
    assert "secure" in by_proxy.headers["Set-Cookie"].lower()


# -- what it opens --------------------------------------------------------------------------------


def test_a_session_may_what_its_key_may(world: World, own: dict[str, str]) -> None:
    for role, codes in {"read": (True, False, False), "write": (True, True, False)}.items():
        key = str(world.client.create_key(f"u-{role}", role)["key"])
        cookie = logged_in(world, key=key)
        asked = (
            ("GET", "/api/session", None),
            ("POST", "/api/sweeps", {"yaml": SWEEP}),
            ("GET", "/api/keys", None),
        )
        got = [answer(world, *each, Cookie=cookie, **own).status for each in asked]
        assert [status < 300 for status in got] == list(codes)
        assert {status for status in got if status >= 300} == {403}
        assert answer(world, "GET", "/api/session", Cookie=cookie).json()["role"] == role


def test_a_revoked_key_ends_its_sessions_at_once(world: World) -> None:
    made = world.client.create_key("leaver")
    cookie = logged_in(world, key=made["key"])
    assert answer(world, "GET", "/api/sweeps", Cookie=cookie).status == 200
    world.client.revoke_key(made["id"])
    assert answer(world, "GET", "/api/sweeps", Cookie=cookie).status == 401


def test_another_key_for_the_owner_ends_the_old_ones_sessions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = logged_in(world, key=KEY)
    assert answer(world, "GET", "/api/keys", Cookie=cookie).status == 200
    anew = KeyRing(world.store, "another key of the owner", "owner")
    for name in ("_own", "_owner"):
        monkeypatch.setattr(world.services.keys, name, getattr(anew, name))
    assert answer(world, "GET", "/api/keys", Cookie=cookie).status == 401


def test_a_key_goes_before_a_cookie(world: World) -> None:
    cookie = logged_in(world, key=KEY)
    headers = {"Cookie": cookie, "Authorization": "Bearer wrong"}
    assert answer(world, "GET", "/api/sweeps", **headers).status == 401


def test_a_wrong_key_logs_nobody_in(world: World) -> None:
    for body in ({"key": "wrong"}, {"key": ""}, {"code": "wrong"}, {"code": ""}):
        found = answer(world, "POST", "/api/session", body)
        assert found.status == 403
        assert "Set-Cookie" not in found.headers
    assert answer(world, "POST", "/api/session", {}).status == 400
    assert answer(world, "POST", "/api/session", {"key": 1}).status == 400


def test_logging_out_takes_the_cookie_back(world: World, own: dict[str, str]) -> None:
    cookie = logged_in(world, key=KEY)
    gone = answer(world, "DELETE", "/api/session", Cookie=cookie, **own)
    assert gone.status == 204
    assert SimpleCookie(gone.headers["Set-Cookie"])[cookie.partition("=")[0]]["max-age"] == "0"


# -- whose requests count -------------------------------------------------------------------------

ELSEWHERE: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9999"},  # another port of ours
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
]


@pytest.mark.parametrize("sent", [*ELSEWHERE, {}, {"Sec-Fetch-Site": "none"}])
def test_no_other_page_changes_anything(world: World, sent: dict[str, str]) -> None:
    cookie = logged_in(world, key=KEY)
    for method, path in (("POST", "/api/sweeps"), ("DELETE", "/api/keys/x"), ("PUT", "/api/x")):
        assert answer(world, method, path, {"yaml": SWEEP}, Cookie=cookie, **sent).status == 401
    assert answer(world, "POST", "/graphql", {"query": "{x}"}, Cookie=cookie, **sent).status == 401


@pytest.mark.parametrize("sent", ELSEWHERE)
def test_no_other_page_reads_anything_or_logs_anybody_in(
    world: World, sent: dict[str, str]
) -> None:
    cookie = logged_in(world, key=KEY)
    found = answer(world, "GET", "/api/sweeps", Cookie=cookie, **sent)
    assert found.status == 401
    assert not [name for name in found.headers if name.lower().startswith("access-control")]
    assert answer(world, "POST", "/api/session", {"key": KEY}, **sent).status == 403
    assert answer(world, "DELETE", "/api/session", **sent).status == 403


def test_our_own_pages_and_what_a_person_types_count(world: World, own: dict[str, str]) -> None:
    cookie = logged_in(world, key=KEY)
    assert answer(world, "GET", "/api/sweeps", Cookie=cookie, Sec_Fetch_Site="none").status == 200
    for sent in (own, {"Origin": own["Origin"]}):  # the latter: by HTTP off loopback
        assert answer(world, "GET", "/api/sweeps", Cookie=cookie, **sent).status == 200
        made = answer(world, "POST", "/api/sweeps", {"yaml": SWEEP}, Cookie=cookie, **sent)
        assert made.status < 300, made.data


# -- codes ----------------------------------------------------------------------------------------


def test_a_code_is_good_once_and_for_minutes() -> None:
    codes = Codes()
    first, second, late = (codes.make(DIGEST, NOW) for _ in range(3))
    assert len({first, second, late}) == 3
    assert min(map(len, (first, second, late))) >= 32
    assert codes.take(first, NOW + CODE_LIFE_S - 1) == DIGEST
    assert codes.take(first, NOW) is None
    assert codes.take(late, NOW + CODE_LIFE_S) is None
    assert codes.take("", NOW) is None
    assert codes.take(second, NOW) == DIGEST


def test_codes_that_nobody_uses_take_no_room() -> None:
    codes = Codes()
    made = [codes.make(DIGEST, NOW + i / 1000) for i in range(3000)]
    assert [codes.take(each, NOW + 4) is not None for each in (made[0], made[-1])] == [False, True]
    codes.make(DIGEST, NOW + 2 * CODE_LIFE_S)
    assert len(codes._waiting) == 1


def test_a_code_logs_in_with_the_rights_of_its_maker(world: World) -> None:
    key = str(world.client.create_key("reader", "read")["key"])
    with Client(world.url, key) as client:
        code = client.login_code()
    cookie = logged_in(world, code=code)
    told = answer(world, "GET", "/api/session", Cookie=cookie).json()
    assert (told["user"], told["role"]) == ("reader", "read")
    again = answer(world, "POST", "/api/session", {"code": code})
    assert again.status == 403
    assert "sweep open" in again.json()["error"]["message"]


def test_a_code_of_a_key_that_was_revoked_meanwhile_opens_nothing(world: World) -> None:
    made = world.client.create_key("gone")
    with Client(world.url, made["key"]) as client:
        code = client.login_code()
    world.client.revoke_key(made["id"])
    assert answer(world, "POST", "/api/session", {"code": code}).status == 403


def test_a_session_makes_no_code_and_nobody_does(world: World, own: dict[str, str]) -> None:
    cookie = logged_in(world, key=KEY)
    assert answer(world, "POST", "/api/session/code", {}, Cookie=cookie, **own).status == 403
    assert answer(world, "POST", "/api/session/code", {}).status == 401
    with Client(world.url, "wrong") as client, pytest.raises(errors.ConfigurationError):
        client.login_code()


def test_neither_code_nor_cookie_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(tmp_path) as fresh, caplog.at_level(logging.DEBUG):
        code = fresh.client.login_code()
        cookie = logged_in(fresh, code=code)
        said: list[Any] = [answer(fresh, "POST", "/api/session", {"code": code}).data]
        said.append(answer(fresh, "GET", "/api/nowhere", Cookie=cookie).data)
        forged = cookie[:-2]
        assert answer(fresh, "GET", "/api/sweeps", Cookie=forged).status == 401
    for secret in (code, cookie.partition("=")[2], forged):
        assert secret not in caplog.text
        assert secret.encode() not in b"".join(said)
