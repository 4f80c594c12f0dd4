"""Runs without an agent: followed live by a process of their own, or sent by `sweep sync`.

A real server, real scripts, killed for real. Everything that a test starts ends with it.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from test_main_job import GRID, SCRIPT, Box, box, wait_for  # noqa: F401 - box is a fixture

from logging_core.folder import RunFolder, being_written
from logging_core.records import History, Reader
from opensweep import following
from opensweep.local import find_server
from opensweep.settings import Settings
from sweeps.errors import NotFoundError
from sweeps.protocol.client import Client

ROWS = """
import os, sys, time, opensweep
run = opensweep.init(id=sys.argv[1], project="p", config={"lr": 0.1}, **eval(sys.argv[2]))
print("hello", flush=True)
for step in range(int(sys.argv[3])):
    run.log({"loss": 1 / (step + 1), "deep": {"er": step}})
"""
WAIT = (
    ROWS
    + """
print("logged", flush=True)
time.sleep(600)
"""
)


class Scripts:
    """Scripts of a box, in a folder and with run ids of their own."""

    def __init__(self, box: Box, name: str) -> None:  # noqa: F811
        self.box = box
        self.cwd = box.folder / name
        self.cwd.mkdir()
        self.folder = self.cwd / "opensweep"
        self.r1, self.r2 = f"{name}1", f"{name}2"

    def start(
        self, code: str, run_id: str = "", init: str = "{}", rows: int = 3
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, run_id or self.r1, init, str(rows)],
            cwd=self.cwd,
            env=self.box.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.box.started.append(process)
        return process

    def run(self, code: str = ROWS, run_id: str = "", init: str = "{}", rows: int = 3) -> str:
        """To its end; what it said on stderr."""
        process = self.start(code, run_id, init, rows)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        return said

    def kill_when_logged(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "logged\n":
                break
        process.kill()
        process.communicate()

    def client(self) -> Client:
        client = find_server(Settings.from_env(self.box.env))
        assert client is not None
        return client

    def on_server(self, run_id: str) -> dict[str, Any] | None:
        with self.client() as client:
            try:
                return client.run(run_id)
            except NotFoundError:
                return None

    def when(self, run_id: str, state: str) -> dict[str, Any]:
        def seen() -> dict[str, Any] | None:
            found = self.on_server(run_id)
            return found if found is not None and found["state"] == state else None

        found: dict[str, Any] = wait_for(seen, f"run {run_id} to be {state}")
        return found

    def when_it_has(self, run_id: str, steps: int) -> dict[str, Any]:
        def seen() -> dict[str, Any] | None:
            found = self.on_server(run_id)
            return found if found is not None and found["steps"] == steps else None

        found: dict[str, Any] = wait_for(seen, f"{steps} steps of run {run_id}")
        return found

    def when_it_has_rows(self, run_id: str) -> None:
        def seen() -> bool:
            found = self.on_server(run_id)
            return found is not None and bool(found["steps"])

        wait_for(seen, f"rows of {run_id}")

    def rows(self, run_id: str) -> list[tuple[int, float]]:
        with self.client() as client:
            return [(row["_step"], row["loss"]) for row in client.history(run_id)]

    def followers(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                of_this_box = process.environ().get("OPENSWEEP_HOME") == str(self.box.home)
                if of_this_box and any("opensweep.following" in part for part in process.cmdline()):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found


_names = (f"t{number}r" for number in itertools.count(1))


@pytest.fixture
def offline(box: Box) -> Scripts:  # noqa: F811
    """No server yet."""
    return Scripts(box, next(_names))


@pytest.fixture(scope="module")
def server_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """With a server, which all tests of it share."""
    box = Box(tmp_path_factory.mktemp("box"))  # noqa: F811
    try:
        box.sweep("server", "start")
        yield box
    finally:
        box.end()


@pytest.fixture
def served(server_box: Box) -> Iterator[Scripts]:
    scripts = Scripts(server_box, next(_names))
    yield scripts
    wait_for(lambda: not scripts.followers(), "the followers to end by themselves")


FILE = GRID.replace(", 2, 3, 4, 5, 6, 7, 8", "")


def rows_in(folder: RunFolder) -> list[History]:
    records = Reader(folder.records(1)).read(final=True)
    return [record for record in records if isinstance(record, History)]


def expected(rows: int) -> list[tuple[int, float]]:
    return [(step, 1 / (step + 1)) for step in range(rows)]


# -- live ---------------------------------------------------------------------------------------


def test_a_run_is_followed_live_and_its_end_is_known(served: Scripts) -> None:
    script = served.start(WAIT)
    found = wait_for(
        lambda: (run := served.on_server(served.r1)) and run["steps"] == 3 and run, "rows"
    )
    assert (found["state"], found["project"], found["config"]) == ("running", "p", {"lr": 0.1})
    assert served.rows(served.r1) == expected(3)
    wait_for(
        lambda: (served.on_server(served.r1) or {}).get("summary", {}).get("deep.er") == 2, "words"
    )
    script.send_signal(signal.SIGTERM)
    _, said = script.communicate(timeout=30)
    assert f"/runs/{served.r1}" in said
    found = served.when(served.r1, "failed")
    assert found["exit_code"] == 143
    with served.client() as client:
        assert client.console(served.r1)["text"].startswith("hello\nlogged\n")


def test_kill_9_of_a_script_loses_nothing_and_the_run_has_crashed(served: Scripts) -> None:
    script = served.start(WAIT, rows=5000)
    served.kill_when_logged(script)
    found = served.when(served.r1, "crashed")
    assert found["exit_code"] is None
    assert served.rows(served.r1) == expected(5000)


def test_one_follower_carries_all_runs_of_a_script_and_is_no_child_of_it(served: Scripts) -> None:
    code = (
        "import os, opensweep\n"
        "name = os.path.basename(os.getcwd())\n"
        "for n in range(3):\n"
        "    with opensweep.init(id=f'{name}-{n}') as run: run.log({'loss': n})\n"
        "try: os.wait()\n"
        "except ChildProcessError: print('no children')\n"
        "input()\n"
    )
    script = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=served.cwd,
        env=served.box.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    served.box.started.append(script)
    for n in range(3):
        served.when(f"{served.cwd.name}-{n}", "finished")
        assert served.rows(f"{served.cwd.name}-{n}") == [(0, n)]
    assert len(served.followers()) == 1
    out, _ = script.communicate("\n", timeout=30)
    assert out == "no children\n"


def test_a_follower_that_was_killed_is_replaced_at_the_end(served: Scripts) -> None:
    script = served.start(WAIT)
    served.when_it_has(served.r1, 3)
    for follower in served.followers():
        follower.kill()
        follower.wait()
    script.send_signal(signal.SIGTERM)
    script.communicate(timeout=30)
    assert served.when(served.r1, "failed")["exit_code"] == 143


def test_a_script_may_wait_until_all_is_sent(served: Scripts) -> None:
    """Where its end is that of every process beside it: in a container, say."""
    served.box.env["OPENSWEEP_FINISH_WAIT_S"] = "30"
    try:
        served.run(rows=2000)
    finally:
        del served.box.env["OPENSWEEP_FINISH_WAIT_S"]
    found = served.on_server(served.r1)
    assert found is not None
    assert (found["state"], found["steps"]) == ("finished", 2000)


def test_the_server_is_killed_and_comes_back_while_a_run_is_followed(served: Scripts) -> None:
    script = served.start(WAIT)
    served.when_it_has(served.r1, 3)
    os.kill(served.box.server_pid(), signal.SIGKILL)
    served.kill_when_logged(script)
    served.box.sweep("server", "start")
    served.when(served.r1, "crashed")
    assert served.rows(served.r1) == expected(3)


def test_a_run_goes_on_by_its_id_and_its_history_is_one(served: Scripts) -> None:
    served.kill_when_logged(served.start(WAIT))
    served.when(served.r1, "crashed")
    served.run(init="{'resume': 'must'}", rows=2)
    served.when(served.r1, "finished")
    assert [step for step, _ in served.rows(served.r1)] == [0, 1, 2, 3, 4]


def test_a_run_that_was_elsewhere_goes_on_here(served: Scripts) -> None:
    """Its folder is not on this machine: the server is asked for step, config and summary."""
    served.run(init="{'tags': ['a']}")
    served.when(served.r1, "finished")
    code = ROWS + "print(run.starting_step, run.resumed, dict(run.config), run.tags)\n"
    script = served.start(code, init="{'resume': 'must', 'dir': 'elsewhere'}", rows=2)
    out, said = script.communicate(timeout=30)
    assert "3 True {'lr': 0.1} ('a',)" in out, said
    wait_for(lambda: len(served.rows(served.r1)) == 5, "the rows from elsewhere")
    assert [step for step, _ in served.rows(served.r1)] == [0, 1, 2, 3, 4]
    assert served.when(served.r1, "finished")["summary"]["deep.er"] == 1


def test_an_id_that_another_folder_has(served: Scripts) -> None:
    served.run()
    served.when(served.r1, "finished")
    told = served.run()
    second = served.folder / f"{served.r1}-2"
    assert "and sent to" not in told
    assert f"it is not sent: there is a run {served.r1!r} already" in told
    assert f"`sweep sync {second} --id NEW`" in told
    done = served.box.start("sync", str(second))
    _, said = done.communicate(timeout=60)
    assert done.returncode == 2
    assert f"there is a run {served.r1!r} already" in said
    assert "--id NEW" in said
    served.box.sweep("sync", str(second), "--id", served.r2)
    assert served.rows(served.r2) == expected(3)
    assert served.box.json("sync", str(second))[0]["sent"] is False  # it knows its id by now


def test_a_run_that_was_refused_goes_on_as_it_was_told(served: Scripts) -> None:
    """With resume="allow", it is the server's run that goes on, not the folder that was refused."""
    served.run()
    served.run()
    told = served.run(init="{'resume': 'allow'}", rows=2)
    assert f"kept in {served.folder / served.r1}\n" in told
    assert f"and sent to {served.client().url}/runs/{served.r1}" in told
    assert [step for step, _ in served.rows(served.r1)] == [0, 1, 2, 3, 4]


def test_what_finish_has_sent_is_there_for_the_api(served: Scripts) -> None:
    code = ROWS + (
        "run.finish()\n"
        "found = opensweep.Api().run(f'p/{run.id}')\n"
        "print(found.state, len(list(found.scan_history())), found.summary['loss'])\n"
    )
    out, said = served.start(code, rows=2).communicate(timeout=60)
    assert out == "hello\nfinished 2 0.5\n", said
    assert "is being sent to" in said.partition("Run history")[0]
    assert "and sent to" in said.partition("Run history")[2]


@pytest.mark.parametrize("wait_s", [None, "60"])
def test_an_absent_server_is_not_waited_for(offline: Scripts, wait_s: str | None) -> None:
    offline.box.env.update(OPENSWEEP_URL="http://127.0.0.1:9", OPENSWEEP_API_KEY="k")
    if wait_s:
        offline.box.env["OPENSWEEP_FINISH_WAIT_S"] = wait_s
    try:
        script = offline.start(
            ROWS + "begun = time.time(); run.finish(); print(time.time() - begun)"
        )
        out, said = script.communicate(timeout=60)
    finally:
        for name in ("OPENSWEEP_URL", "OPENSWEEP_API_KEY", "OPENSWEEP_FINISH_WAIT_S"):
            offline.box.env.pop(name, None)
        for follower in offline.followers():
            follower.terminate()
    assert float(out.split()[1]) < 5, said
    assert "and sent to" not in said
    assert "it is not sent: the server does not answer" in said
    assert f"`sweep sync {offline.folder / offline.r1}` sends it later" in said


def test_a_follower_that_never_met_its_server_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSWEEP_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENSWEEP_API_KEY", "k")
    monkeypatch.setattr(following, "NEVER_S", 0.1)
    alone = following.Following()
    alone.add(str(tmp_path))
    alone.finish()  # returns: PATIENCE_S is for a server that was there
    assert not [one for one in threading.enumerate() if one.name == f"follow {tmp_path}"]


def test_the_end_waits_for_no_address_that_is_none(offline: Scripts) -> None:
    offline.box.env["OPENSWEEP_URL"] = "localhost:8080"
    try:
        said = offline.run()
    finally:
        del offline.box.env["OPENSWEEP_URL"]
    assert "sent to" not in said
    assert "'localhost:8080', which is no URL (http://HOST:PORT)" in said
    assert said.rstrip().endswith(f"`sweep sync {offline.folder / offline.r1}` sends it")


def test_a_fork_begins_with_its_parents_history(served: Scripts) -> None:
    served.run(rows=6)
    served.when(served.r1, "finished")
    served.run(run_id=served.r2, init=f"{{'fork_from': '{served.r1}?_step=2'}}", rows=2)
    served.when(served.r2, "finished")
    assert [step for step, _ in served.rows(served.r2)] == [0, 1, 2, 3, 4]
    served.run(run_id=served.r1, init=f"{{'resume_from': '{served.r1}?_step=1'}}", rows=2)
    wait_for(lambda: len(served.rows(served.r1)) == 4, "the run, gone back")
    assert [step for step, _ in served.rows(served.r1)] == [0, 1, 2, 3]


# -- afterwards ---------------------------------------------------------------------------------


def test_sync_sends_what_is_kept_and_again_nothing(offline: Scripts) -> None:
    said = offline.run(init="{'mode': 'online'}")
    assert "no server is known here" in said
    assert f"`sweep sync {offline.folder}/{offline.r1}`" in said
    offline.kill_when_logged(offline.start(WAIT, offline.r2))
    sent = {one["id"]: one for one in offline.box.json("sync", str(offline.folder))}
    assert {key: (one["state"], one["rows"]) for key, one in sent.items()} == {
        offline.r1: ("finished", 3),
        offline.r2: ("crashed", 3),
    }
    for run_id in sent:
        assert offline.rows(run_id) == expected(3)
    found = offline.when(offline.r1, "finished")
    assert (found["config"], found["summary"]["deep.er"]) == ({"lr": 0.1}, 2)
    assert [one["sent"] for one in offline.box.json("sync", str(offline.folder))] == [False, False]
    assert offline.rows(offline.r1) == expected(3)


def test_a_key_that_may_not_write_sends_nothing_and_nothing_is_lost(served: Scripts) -> None:
    served.run(init="{'mode': 'offline'}")
    with served.client() as client:
        key = client.create_key("ann", "read")["key"]
    served.box.env["OPENSWEEP_API_KEY"] = key
    try:
        done = served.box.start("sync", str(served.folder / served.r1))
        _, said = done.communicate(timeout=60)
    finally:
        del served.box.env["OPENSWEEP_API_KEY"]
    assert done.returncode == 2
    assert "has the role read, and this needs write" in said
    assert served.on_server(served.r1) is None
    served.box.sweep("sync", str(served.folder / served.r1))
    assert served.rows(served.r1) == expected(3)


def test_sync_refuses_what_is_still_written_and_may_follow_it(offline: Scripts) -> None:
    script = offline.start(WAIT)
    wait_for((offline.folder / offline.r1 / "run.json").exists, "the run")
    done = offline.box.start("sync", str(offline.folder / offline.r1))
    _, said = done.communicate(timeout=60)
    assert done.returncode == 2
    assert "still writing" in said
    assert "--follow" in said
    follow = offline.box.start("sync", str(offline.folder / offline.r1), "--follow", "--json")
    offline.when_it_has(offline.r1, 3)
    offline.kill_when_logged(script)
    out, said = follow.communicate(timeout=60)
    assert json.loads(out)[0]["state"] == "crashed", said


def test_sync_goes_on_where_it_was_interrupted(offline: Scripts) -> None:
    offline.run(rows=20_000)
    offline.box.sweep("server", "start")
    first = offline.box.start("sync", str(offline.folder / offline.r1))
    wait_for(lambda: (offline.folder / offline.r1 / "shipped.1.json").exists(), "the first chunk")
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    [sent] = offline.box.json("sync", str(offline.folder / offline.r1))
    assert sent["complete"]
    assert len(offline.rows(offline.r1)) == 20_000


def test_another_server_gets_all_of_it(offline: Scripts) -> None:
    """What was sent to one server is not there on the next, though the rows are packed by now."""
    offline.run(rows=20_000)
    offline.box.sweep("sync", str(offline.folder / offline.r1))
    assert (offline.folder / offline.r1 / "history.1.chunks").exists()
    offline.box.sweep("server", "stop")
    old = offline.box.env["OPENSWEEP_HOME"]
    try:
        offline.box.env["OPENSWEEP_HOME"] = str(offline.box.folder / "another")
        offline.box.sweep("sync", str(offline.folder / offline.r1))
        assert offline.rows(offline.r1) == expected(20_000)
    finally:
        offline.box.sweep("server", "stop")
        offline.box.env["OPENSWEEP_HOME"] = old


def test_what_a_killed_agent_left_of_a_trial(offline: Scripts) -> None:
    """The server went away, the script went on, then all of them were killed."""
    box = offline.box  # noqa: F811
    box.write(SCRIPT.replace("range(4)", "range(1000)").replace("0.15", "0.01"), FILE)
    sweep_id = box.create()
    agent = box.start("agent", sweep_id)
    trial_id = f"{sweep_id}-1"
    offline.when_it_has_rows(trial_id)
    os.kill(box.server_pid(), signal.SIGKILL)
    folder = RunFolder(box.home / "runs" / sweep_id / trial_id)
    before = len(rows_in(folder))
    wait_for(lambda: len(rows_in(folder)) > before + 20, "rows that nobody sends")
    agent.kill()
    agent.communicate()
    wait_for(lambda: not being_written(folder.records(1)), "the warden's work")
    [sent] = box.json("sync", str(folder.path))
    assert (sent["id"], sent["sent"], sent["complete"]) == (trial_id, True, True)
    assert len(offline.rows(trial_id)) == len(rows_in(folder))
    assert box.json("sync", str(folder.path))[0]["sent"] is False


@pytest.mark.parametrize(
    ("what", "problem"), [("train.py", "is not a folder"), (".", "has none in it")]
)
def test_what_is_no_run_folder(offline: Scripts, what: str, problem: str) -> None:
    (offline.box.folder / "train.py").write_text("")
    done = offline.box.start("sync", what)
    _, said = done.communicate(timeout=60)
    assert done.returncode == 2
    assert problem in said


def test_the_processes_of_a_shared_run_are_one_run(served: Scripts) -> None:
    code = (
        "import os, sys, opensweep\n"
        "from multiprocessing import get_context\n"
        "def work(rank):\n"
        "    os.environ['RANK'] = str(rank)\n"
        "    run = opensweep.init(id=sys.argv[1], project='p', mode='shared')\n"
        "    for step in range(4): run.log({f'loss{rank}': step})\n"
        "    run.finish()\n"
        "if __name__ == '__main__':\n"
        "    context = get_context('spawn')\n"
        "    workers = [context.Process(target=work, args=(rank,)) for rank in range(3)]\n"
        "    for one in workers: one.start()\n"
        "    for one in workers: one.join()\n"
    )
    (served.cwd / "ranks.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "ranks.py", served.r1],
        cwd=served.cwd,
        env=served.box.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = served.when(served.r1, "finished")
    assert {name: found["summary"][name] for name in ("loss0", "loss1", "loss2")} == dict.fromkeys(
        ("loss0", "loss1", "loss2"), 3
    )
    with served.client() as client:
        rows = client.history(served.r1)
    for rank in range(3):
        assert sorted(row["_step"] for row in rows if f"loss{rank}" in row) == [0, 1, 2, 3]
