"""Addresses that are their own credential."""

from __future__ import annotations

import base64
import json

import pytest

from controller.wandb_api.files.signing import LIFE_S, Grant, Signer
from sweeps.errors import NotAllowed

NOW = 1_700_000_000.0
PUT = Grant("PUT", "run-file", {"run": "r", "path": "a/ö\n.txt"})
GET = Grant("GET", "run-file", {"run": "r", "path": "x"})


def token(path: str) -> str:
    return path.split("/")[2]


def test_what_was_signed_comes_out_again_also_of_a_server_that_was_restarted():
    path = Signer("secret").path(PUT, "a/ö\n.txt", now=NOW)
    assert path.endswith("/%C3%B6%0A.txt")
    assert Signer("secret").grant(token(path), "PUT", now=NOW + LIFE_S - 1) == PUT


def test_an_address_lasts_a_day_and_no_more_than_an_hour_longer():
    signer = Signer("secret")
    path = token(signer.path(PUT, now=NOW))
    with pytest.raises(NotAllowed, match="expired"):
        signer.grant(path, "PUT", now=NOW + LIFE_S + 3600)


def test_one_address_within_the_hour():
    signer, begin = Signer("secret"), NOW // 3600 * 3600
    assert signer.path(GET, now=begin + 1) == signer.path(GET, now=begin + 3600)
    assert signer.path(GET, now=begin + 1) != signer.path(GET, now=begin + 3601)


@pytest.mark.parametrize(("signed", "method"), [(GET, "PUT"), (PUT, "GET"), (PUT, "HEAD")])
def test_an_address_is_good_for_its_method_alone(signed, method):
    signer = Signer("secret")
    with pytest.raises(NotAllowed, match="alone"):
        signer.grant(token(signer.path(signed, now=NOW)), method, now=NOW)


def test_what_may_be_fetched_may_be_looked_at():
    signer = Signer("secret")
    assert signer.grant(token(signer.path(GET, now=NOW)), "HEAD", now=NOW) == GET


def test_nothing_can_be_changed_or_guessed():
    signer = Signer("secret")
    good = token(signer.path(GET, now=NOW))
    text, _, signature = good.partition(".")
    said = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    said[2]["path"] = "y"
    other = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    forged = [
        f"{other}.{signature}",
        token(Signer("another secret").path(GET, now=NOW)),
        text,
        f"{text}.",
        f"{text}.{signature[:-1]}",
        f".{signature}",
        "",
        "ö.ö",
        *(good[:n] + chr(ord(good[n]) ^ 1) + good[n + 1 :] for n in range(0, len(good), 7)),
    ]
    for each in forged:
        with pytest.raises(NotAllowed):
            signer.grant(each, "GET", now=NOW)
