"""Runs that go on: resume, fork_from, resume_from, and several processes that record one run."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from logger_place import (
    clean_place,  # noqa: F401
    folder_of,
    records_of,
    rows_of,
    under_an_agent,
)

import opensweep
from logging_core import sharing
from logging_core.folder import RunFolder, WriterName
from logging_core.records import History, MetadataUpdate, Reader, SummaryUpdate

pytestmark = pytest.mark.usefixtures("clean_place")


def a_run(run_id: str = "abc", rows: int = 5) -> RunFolder:
    with opensweep.init(id=run_id, project="p", config={"lr": 1}) as run:
        run.define_metric("loss", summary="min")
        for step in range(rows):
            run.log({"loss": rows - step, "step": step})
            run.config.update({"seen": step}, allow_val_change=True)
        run.name = "renamed"
    return folder_of(run)


# -- resume -----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["argument", "WANDB_RESUME", "settings"])
def test_a_run_goes_on_with_what_it_was(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    folder = a_run()
    if way == "WANDB_RESUME":
        monkeypatch.setenv(way, "allow")
        monkeypatch.setenv("WANDB_RUN_ID", "abc")
        run = opensweep.init()
    elif way == "settings":
        run = opensweep.init(id="abc", settings=opensweep.Settings(resume="allow"))
    else:
        run = opensweep.init(id="abc", resume="allow", project="another")
    assert (run.resumed, run.starting_step, run.step) == (True, 5, 5)
    assert (run.name, run.project, dict(run.config)) == ("renamed", "p", {"lr": 1, "seen": 4})
    run.define_metric("loss", summary="min")
    run.log({"loss": 3})
    assert run.summary["loss"] == {"min": 1}
    assert rows_of(run, "2") == [(5, {"loss": 3})]
    assert folder_of(run).path == folder.path


def test_a_retry_that_has_nothing_left_to_log_keeps_the_summary(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Chaos, seed 10: killed behind its last step, the checkpoint said that all was done."""
    under_an_agent(monkeypatch, tmp_path / "run", {"x": 1})
    first = opensweep.init()
    for step in range(3):
        first.log({"loss": 3 - step})
    first.finish()
    under_an_agent(monkeypatch, tmp_path / "run", {"x": 1}, writer=2)
    monkeypatch.setenv("OPENSWEEP_RESUMED", "1")
    again = opensweep.init()
    assert (again.resumed, again.step) == (True, 3)
    again.summary["done"] = True
    again.finish()
    folds = [record for record in records_of(again, "2") if isinstance(record, SummaryUpdate)]
    assert folds[-1].values == {"loss": 1, "done": True}
    assert rows_of(again, "2") == []


def test_the_summary_is_carried_over_in_the_new_file() -> None:
    """Whoever reads that file alone (the server gets no other) comes to the same summary."""
    a_run()
    with opensweep.init(id="abc", resume="must") as run:
        run.define_metric("loss", summary="min")
        run.log({"loss": 3})
    first = next(r for r in records_of(run, "2") if isinstance(r, SummaryUpdate))
    assert first.values == {"loss": {"min": 1}, "step": 4}
    from logging_core.summary import SummaryFold

    fold = SummaryFold()
    for record in records_of(run, "2"):
        fold.apply(record)
    assert fold.summary == dict(run.summary) == {"loss": {"min": 1}, "step": 4}


@pytest.mark.parametrize("resume", [True, "auto"])
def test_auto_goes_on_with_the_last_run_here_that_did_not_finish(
    tmp_path: Path, resume: bool | str
) -> None:
    code = (
        "import os, opensweep\n"
        f"run = opensweep.init(resume={resume!r})\n"
        "run.log({'a': 1})\n"
        "print(run.id, run.step, flush=True)\n"
        "os._exit(0 if run.step > 2 else 1)\n"  # no word of its end: as a kill -9
    )

    def script(source: str) -> list[str]:
        env = {**os.environ, "PYTHONPATH": str(Path(opensweep.__file__).parents[1])}
        done = subprocess.run(
            [sys.executable, "-c", source], env=env, capture_output=True, text=True, check=False
        )
        return done.stdout.split()

    first, second = script(code), script(code)
    assert (second[0], first[1], second[1]) == (first[0], "1", "2")
    third = script(code.replace("os._exit", "print"))  # this one ends well
    assert third[:2] == [first[0], "3"]
    assert script(code)[0] != first[0]


def test_auto_does_not_join_a_run_that_is_still_going() -> None:
    first = opensweep.init(resume="auto")
    second = opensweep.init(resume="auto", reinit="create_new")
    assert second.id != first.id
    second.finish()


def test_a_run_in_between_ends_what_auto_remembers() -> None:
    first = opensweep.init(resume="auto")
    first.finish(exit_code=1)
    opensweep.init().finish()
    assert opensweep.init(resume="auto").id != first.id


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"resume": "must"}, "needs the id"),
        ({"resume": "always"}, "'always' is none of allow"),
        ({"resume": "must", "id": "nowhere"}, "there is no run nowhere in"),
        ({"id": "a/b"}, "cannot name a run"),
        ({"id": ".."}, "cannot name a run"),
        ({"id": "a b"}, "cannot name a run"),
        ({"fork_from": "abc"}, r"expected RUN\?_step=N"),
        ({"fork_from": "abc?step=3"}, r"expected RUN\?_step=N"),
        ({"fork_from": "abc?_step=3", "id": "abc"}, "needs another id"),
        ({"fork_from": "abc?_step=3", "resume": "allow"}, "not several"),
        ({"resume_from": "abc?_step=3", "id": "other"}, "different runs"),
        ({"fork_from": "abc?_step=9"}, "run abc has no step 9: its last one is 4"),
        ({"resume_from": "abc?_step=5"}, "run abc has no step 5: its last one is 4"),
    ],
)
def test_what_cannot_be_gone_on_with(arguments: dict[str, str], problem: str) -> None:
    a_run()
    with pytest.raises(opensweep.UsageError, match=problem):
        opensweep.init(**arguments)  # type: ignore[arg-type]
    assert opensweep.run is None


def test_the_newest_of_several_folders_of_one_id_goes_on() -> None:
    a_run(rows=5)
    a_run(rows=2)
    run = opensweep.init(id="abc", resume="must")
    assert folder_of(run).path.name == "abc-2"
    assert run.starting_step == 2


def test_a_server_that_is_away_is_asked_but_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENSWEEP_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENSWEEP_API_KEY", "secret")
    with pytest.raises(opensweep.UsageError, match="does not answer"):
        opensweep.init(id="elsewhere", resume="must")
    run = opensweep.init(id="elsewhere", resume="allow", mode="offline")
    assert "does not answer" not in capsys.readouterr().err  # nobody was asked
    assert folder_of(run).read_metadata()["resume"] == "allow"


# -- fork_from, resume_from ---------------------------------------------------------------------


def test_a_fork_has_what_its_parent_had_at_that_step() -> None:
    parent = a_run()
    run = opensweep.init(fork_from="abc?_step=2")
    assert run.id != "abc"
    assert (run.resumed, run.starting_step, run.step) == (False, 3, 3)
    assert (run.project, dict(run.config)) == ("p", {"lr": 1, "seen": 2})
    assert dict(run.summary) == {"loss": {"min": 3}, "step": 2}
    run.log({"loss": 9})
    assert rows_of(run) == [(3, {"loss": 9})]
    metadata = folder_of(run).read_metadata()
    assert (metadata["parent"], metadata["fork_step"]) == ("abc", 2)
    assert metadata["uid"] != parent.read_metadata()["uid"]


def test_a_fork_of_a_run_that_is_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    run = opensweep.init(fork_from="gone?_step=7", config={"a": 1})
    assert (run.step, dict(run.config)) == (8, {"a": 1})
    assert "run gone is not in" in capsys.readouterr().err


def test_a_run_goes_back_to_a_step() -> None:
    a_run()
    run = opensweep.init(resume_from="abc?_step=1")
    assert (run.id, run.resumed, run.starting_step) == ("abc", True, 2)
    assert dict(run.summary) == {"loss": {"min": 4}, "step": 1}
    run.log({"loss": 9})
    run.finish()
    assert rows_of(run, "2") == [(2, {"loss": 9})]
    again = opensweep.init(id="abc", resume="must")
    assert again.starting_step == 3


# -- identity -----------------------------------------------------------------------------------


def test_the_uid_of_a_folder_stays(tmp_path: Path) -> None:
    made = [
        RunFolder.create(tmp_path / name, run_id="t", config={}, locked=True, metadata={})
        for name in ("a", "b", "a")
    ]
    uids = [folder.read_metadata()["uid"] for folder in made]
    assert len(set(uids)) == 2
    assert all(len(uid) == 16 and int(uid, 16) >= 0 for uid in uids)


def test_what_wandbs_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("lr: {value: 7}\n")
    for name, value in {
        "WANDB_RUN_ID": "mine",
        "WANDB_NAME": "n",
        "WANDB_NOTES": "why",
        "WANDB_TAGS": "a, b",
        "WANDB_PROJECT": "p",
        "WANDB_ENTITY": "me",
        "WANDB_RUN_GROUP": "g",
        "WANDB_JOB_TYPE": "eval",
        "WANDB_CONFIG_PATHS": str(tmp_path / "c.yaml"),
    }.items():
        monkeypatch.setenv(name, value)
    run = opensweep.init(config={"lr": 1, "n": 2})
    assert (run.id, run.name, run.notes, run.tags) == ("mine", "n", "why", ("a", "b"))
    assert (run.project, run.entity, run.group, run.job_type) == ("p", "me", "g", "eval")
    assert run.config == {"lr": 7, "n": 2}  # as with W&B, these files have the last word
    monkeypatch.setenv("WANDB_DISABLED", "true")
    assert opensweep.init(reinit=True).disabled
    monkeypatch.delenv("WANDB_DISABLED")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert opensweep.init(reinit=True).disabled


# -- several processes --------------------------------------------------------------------------


def test_processes_of_a_shared_run_have_files_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = []
    for rank, settings in (
        (0, {"x_label": "rank_0"}),
        (1, {"x_label": "rank 1"}),
        (2, {"x_primary": False, "x_update_finish_state": False}),
    ):
        monkeypatch.setenv("RANK", str(rank))
        run = opensweep.init(
            id="all", mode="shared", settings=opensweep.Settings(**settings), reinit="create_new"
        )
        run.log({"rank": rank})
        runs.append(run)
    folder = folder_of(runs[0])
    assert folder.writers() == ["1", "1-rank2", "1-rank_1"]
    assert {folder_of(run).path for run in runs} == {folder.path}
    for run, writer in zip(runs, ("1", "1-rank_1", "1-rank2"), strict=True):
        assert [step for step, _ in rows_of(run, writer)] == [0]
        run.finish()
    [said] = [r.values for r in records_of(run, "1-rank2") if isinstance(r, MetadataUpdate)]
    assert said["lane.rank2"]["ends_run"] is False


def test_a_shared_run_goes_on_only_when_nobody_records_it_any_more() -> None:
    first = opensweep.init(id="all", mode="shared")
    first.log({"a": 1})
    joined = opensweep.init(id="all", mode="shared", resume="allow", reinit="create_new")
    assert (joined.resumed, joined.step) == (False, 0)
    joined.finish()
    first.finish()
    again = opensweep.init(id="all", mode="shared", resume="allow")
    assert (again.resumed, again.step) == (True, 1)
    assert "2" in folder_of(again).writers()


def test_ranks_of_a_trial_may_share_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = under_an_agent(monkeypatch, tmp_path / "trial", {"lr": 0.1}, writer=3)
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        with opensweep.init(mode="shared") as run:
            run.log({"rank": int(rank)})
            assert run.config.lr == 0.1
    assert folder.writers() == ["3", "3-rank1"]


def test_lanes_are_never_taken_twice(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    wanted = [("", "p1"), ("", "p1"), ("", "p1"), ("p1",), ("rank/1",), ("rank/1",)]
    taken = [str(sharing.take_lane(folder, 1, *names)) for names in wanted]
    assert taken == ["1", "1-p1", "1-p1_2", "1-p1_3", "1-rank_1", "1-rank_1_2"]
    assert all(WriterName.parse(name) for name in taken)


STORM = """
import sys, opensweep
sys.stdin.readline()
run = opensweep.init(id="same", mode=sys.argv[1])
run.log({"who": int(sys.argv[2])})
run.finish()
print(run.dir)
"""


@pytest.mark.parametrize("mode", ["online", "shared"])
def test_many_processes_that_start_at_the_same_moment(tmp_path: Path, mode: str) -> None:
    """Runs of one id never share a folder; in shared mode they share the folder, but no file."""
    env = {**os.environ, "PYTHONPATH": str(Path(opensweep.__file__).parents[1])}
    scripts = [
        subprocess.Popen(
            [sys.executable, "-S", "-c", STORM, mode, str(number)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for one in scripts:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [one.communicate(timeout=60) for one in scripts]
    assert all(one.returncode == 0 for one in scripts), said
    folders = {RunFolder(Path(out.strip()).parent).path for out, _ in said}
    assert len(folders) == (1 if mode == "shared" else 8)
    found = []
    for folder in map(RunFolder, folders):
        assert json.loads(folder.run_json.read_text())["run_id"] == "same"
        for writer in folder.writers():
            records = Reader(folder.records(writer)).read()
            found += [r.row["who"] for r in records if isinstance(r, History)]
    assert sorted(found) == list(range(8))


WORKERS = """
import multiprocessing, sys, opensweep

def by_name(number):
    opensweep.log({"child": number})

def with_a_run_of_its_own(number):
    with opensweep.init(project="child") as run:
        run.log({"child": number})

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    run = opensweep.init(id="parent")
    for target in (by_name, with_a_run_of_its_own):
        worker = context.Process(target=target, args=(1,))
        worker.start()
        worker.join()
        print(worker.exitcode)
    run.log({"parent": 1})
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_never_write_into_their_parents_run(tmp_path: Path, method: str) -> None:
    (tmp_path / "train.py").write_text(WORKERS)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "train.py", method],
        env={**os.environ, "PYTHONPATH": str(Path(opensweep.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    said = {"fork": "log() in a forked process is not recorded"}
    assert said.get(method, "call opensweep.init() before opensweep.log()") in done.stderr
    assert done.stdout.split() == (["0", "0"] if method == "fork" else ["1", "0"])
    found = []
    for path in sorted((tmp_path / "opensweep").iterdir()):
        if path.is_dir():
            records = Reader(RunFolder(path).records(1)).read()
            found.append([r.row for r in records if isinstance(r, History)])
    assert sorted(found, key=str) == [[{"child": 1}], [{"parent": 1}]]


def test_a_run_is_not_copied() -> None:
    run = opensweep.init(id="abc")
    assert copy.deepcopy({"run": run})["run"] is run
    with pytest.raises(opensweep.UsageError, match=r"init\(id='abc', mode='shared'\)"):
        pickle.dumps(run)
