"""A backup while a sweep runs, and what comes of a restore; damaged backups are refused."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from test_main_job import Box, box

from controller.backup import backup, restore
from controller.server.home import Home
from controller.store.store import open_store
from sweeps.errors import ConfigurationError, HomeInUse, UsageError

__all__ = ["box"]

BLOB = "ab" + "0" * 62


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    (folder / "artifacts" / "ab").mkdir(parents=True)
    (folder / "artifacts" / "ab" / BLOB).write_bytes(b"weights" * 1000)
    (folder / "api_key").write_text("secret\n")
    (folder / "server.log").write_text("not for a backup")
    open_store(f"sqlite:///{folder / 'opensweep.db'}").close()
    return folder


def test_all_of_it_comes_back(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.zst"
    made = backup(home, file, artifacts_url="s3://bucket")
    assert (made.blobs, made.artifacts_url) == (1, "s3://bucket")
    assert file.stat().st_mode & 0o077 == 0
    new = tmp_path / "new"
    assert restore(file, new) == (made, None)
    assert (new / "api_key").read_text() == "secret\n"
    assert (new / "artifacts" / "ab" / BLOB).read_bytes() == b"weights" * 1000
    assert not (new / "server.log").exists()
    open_store(f"sqlite:///{new / 'opensweep.db'}").close()
    with pytest.raises(ConfigurationError, match="is there already"):
        backup(home, file)


def test_a_home_that_holds_something_is_put_aside_only_when_told(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar.zst"
    backup(home, file)
    (home / "api_key").write_text("newer\n")
    with pytest.raises(ConfigurationError, match="--force"):
        restore(file, home)
    assert (home / "api_key").read_text() == "newer\n"
    living = Home(home)
    living.acquire()
    with pytest.raises(HomeInUse):
        restore(file, home, force=True)
    living.release()
    _, aside = restore(file, home, force=True)
    assert aside is not None
    assert (aside / "api_key").read_text() == "newer\n"
    assert (aside / "opensweep.db").exists()
    assert (home / "api_key").read_text() == "secret\n"


def test_what_was_broken_off_or_damaged_is_refused(home: Path, tmp_path: Path) -> None:
    file, hurt, new = tmp_path / "b.tar.zst", tmp_path / "hurt", tmp_path / "new"
    backup(home, file)
    whole = file.read_bytes()
    cuts = [whole[:n] for n in (0, 1, *range(5, len(whole), len(whole) // 40), len(whole) - 1)]
    flips = [
        whole[:n] + bytes([whole[n] ^ 0x10]) + whole[n + 1 :]
        for n in range(20, len(whole), len(whole) // 40)
    ]
    for data in [*cuts, *flips, b"no backup at all"]:
        hurt.write_bytes(data)
        with contextlib.suppress(UsageError):
            restored, _ = restore(hurt, new)
            # A bit, or a last byte, that nothing depends on: then all of it is right.
            assert data in [*flips, whole[:-1]]
            assert (new / "api_key").read_text() == "secret\n"
            assert restored.blobs == 1
            shutil.rmtree(new)
        assert not (new / "opensweep.db").exists()
    with pytest.raises(UsageError, match="no file"):
        restore(tmp_path / "none", new)


STEPS = """
import time
import opensweep
run = opensweep.init()
for step in range(10):
    run.log({"loss": float(run.config.x)})
    time.sleep(0.05)
"""


HOLD = """
import os
while run.config.x > 6 and not os.path.exists("go"):
    time.sleep(0.05)
"""


def test_agents_that_live_through_a_restore_mix_nothing_up(box: Box) -> None:
    """They run what the lost database handed out, and have sent it what nobody else will see: no
    token is handed out twice, and each history is that of one attempt."""
    box.write(STEPS + HOLD)
    sweep_id = box.create()
    agent = box.start("agent", sweep_id, "--slots", "2")
    box.wait_for_trials(sweep_id, "finished", 2)
    saved = box.folder / "b.tar.zst"
    box.sweep("backup", str(saved))
    box.wait_for_trials(sweep_id, "finished", 5)
    box.sweep("server", "stop")
    box.sweep("restore", str(saved), "--force")
    with contextlib.closing(sqlite3.connect(box.folder / "home" / "opensweep.db")) as database:
        began = {trial for (trial,) in database.execute("SELECT id FROM trials")}
    box.sweep("server", "start")
    (box.folder / "go").touch()
    out, err = agent.communicate(timeout=90)
    assert agent.returncode == 0, out + err
    trials = box.json("trials", sweep_id)
    assert sorted(t["config"]["x"] for t in trials) == list(range(1, 9))
    assert {t["state"] for t in trials} == {"finished"}
    for trial in trials:
        tokens = [each["token"] for each in box.trial(trial["id"])["attempts_list"]]
        assert trial["id"] in began or min(tokens) > 1000
        rows = json.loads(box.sweep("export", trial["id"], "--history", "--format", "json"))
        assert [(row["_step"], row["loss"]) for row in rows] == [
            (step, float(trial["config"]["x"])) for step in range(10)
        ]
    box.sweep("server", "stop")


def test_a_sweep_goes_on_from_a_backup_that_was_taken_while_it_ran(box: Box) -> None:
    box.write(STEPS + HOLD)
    sweep_id = box.create()
    agent = box.start("agent", sweep_id, "--slots", "2")
    box.wait_for_trials(sweep_id, "finished", 2)
    file = box.folder / "b.tar.zst"
    box.sweep("backup", str(file))
    (box.folder / "go").touch()
    agent.communicate(timeout=90)  # the sweep ends, and then all of that is lost
    box.sweep("server", "stop")
    box.env["OPENSWEEP_HOME"] = str(box.folder / "other")
    box.sweep("restore", str(file))
    with contextlib.closing(sqlite3.connect(box.folder / "other" / "opensweep.db")) as database:
        [(ended,)] = database.execute("SELECT count(*) FROM trials WHERE state = 'finished'")
    assert 2 <= ended < 8
    agent = box.start("agent", sweep_id, "--slots", "2")
    out, err = agent.communicate(timeout=90)
    assert agent.returncode == 0, out + err
    trials = box.json("trials", sweep_id)
    assert sorted(t["config"]["x"] for t in trials) == list(range(1, 9))
    assert {t["state"] for t in trials} == {"finished"}
    box.sweep("server", "stop")
