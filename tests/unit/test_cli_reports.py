"""`sweep report` against the real server."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_world import sweep
from test_server_api import KEY, World, running

HOSTILE = "</script><script>alert(1)</script><!--<script>"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with running(tmp_path) as here:
        monkeypatch.setenv("OPENSWEEP_URL", here.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        monkeypatch.chdir(tmp_path)
        yield here


def test_reports_are_listed_and_shown(world: World) -> None:
    made = world.store.add_report("vision", "What we saw", "some *text*", "alice")
    world.store.add_report("other", "Elsewhere", "", "bob")
    listed = sweep("report", "ls", "vision").output
    assert made.id in listed
    assert "What we saw" in listed
    assert "Elsewhere" not in listed
    assert len(json.loads(sweep("report", "ls", "--json").output)) == 2
    assert sweep("report", "show", made.id).output == "# What we saw\n\nsome *text*\n"


def test_a_report_becomes_one_file_that_asks_nobody(world: World, tmp_path: Path) -> None:
    text = f"{HOSTILE}\n\n```panel\nkind: number\n```\n"
    made = world.store.add_report("vision", HOSTILE, text, "alice")
    assert sweep("report", made.id, "-o", "out.html").output == "out.html\n"
    page = (tmp_path / "out.html").read_text()
    # Nothing that was written is markup, and the scripts are those that the policy names.
    assert HOSTILE not in page
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    named = re.search(r"script-src ([^;]*);", policy[1])
    assert named
    assert named[1].split() == [f"'sha256-{digest}'" for digest in digests]
    assert "default-src 'none'" in policy[1]
    assert "connect-src" not in policy[1]
    assert page.count("<script") == 3  # these two, and the data
    data = json.loads(re.findall(r'id="opensweep-frozen">(.*?)</script>', page, re.DOTALL)[0])
    assert data["report"]["title"] == HOSTILE
    assert list(data["answers"]) == ['POST /api/panels {"project":"vision","text":"kind: number"}']


def test_a_sweep_has_a_report_without_writing_one(world: World, tmp_path: Path) -> None:
    sweep_id = world.sweep_with_trials(2)
    assert f'sweep: "{sweep_id}"' in sweep("report", "show", sweep_id).output
    written = sweep("report", sweep_id).output.strip()
    assert written.startswith("Sweep-")
    assert b"opensweep-frozen" in (tmp_path / written).read_bytes()
    again = sweep("report", sweep_id)
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_what_cannot_be_saved_says_why(world: World) -> None:
    made = world.store.add_report("vision", "t", "", "alice")
    for arguments, words in (
        (("nosuch", "-o", "out.html"), "no report and no sweep 'nosuch'"),
        ((made.id, "-o", "no/such/out.html"), "in a folder that is there"),
    ):
        result = sweep("report", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr
