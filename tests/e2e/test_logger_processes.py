"""Real training scripts, ended in every way: what their run folders hold afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import opensweep
from logging_core import environment
from logging_core.folder import RunFolder
from logging_core.records import Finished, History, Reader, Record

ROOT = Path(opensweep.__file__).resolve().parent.parent
DEADLINE_S = 30.0


class Script:
    """A script in a folder of its own, and the run folder that it writes."""

    def __init__(self, folder: Path, source: str, **env: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.path = folder / "train.py"
        self.path.write_text(textwrap.dedent(source))
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OPENSWEEP_", "WANDB_"))
            and name not in environment.RANK_VARIABLES
        }
        self.env = {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **env}

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, str(self.path)],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def run(self) -> subprocess.CompletedProcess[str]:
        with self.started() as process:
            out, err = process.communicate(timeout=DEADLINE_S)
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @property
    def runs(self) -> list[RunFolder]:
        return [RunFolder(path.parent) for path in self.folder.glob("opensweep/*/run.json")]

    def records(self) -> list[Record]:
        (run,) = self.runs
        return Reader(run.records(1)).read(final=True)

    def rows(self) -> list[dict[str, object]]:
        return [record.row for record in self.records() if isinstance(record, History)]

    def exit_code(self) -> int | None:
        last = self.records()[-1]
        return last.exit_code if isinstance(last, Finished) else None


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


def test_a_kill_takes_nothing_back_that_log_returned_from(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
        import os, signal, opensweep
        run = opensweep.init()
        for i in range(5000):
            run.log({"loss": 1.0 / (i + 1), "i": i})
        run.log({"last": 1, "text": "odd row"}, step=5000)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert script.run().returncode == -signal.SIGKILL
    rows = script.rows()
    assert rows[:5000] == [{"loss": 1.0 / (i + 1), "i": i} for i in range(5000)]
    assert rows[5000:] == [{"last": 1, "text": "odd row"}]
    assert script.exit_code() is None


def test_a_kill_from_outside_leaves_a_prefix(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
        import opensweep
        run = opensweep.init()
        i = 0
        while True:
            run.log({"i": i, "x": 0.5})
            i += 1
            if i % 1000 == 0:
                print(i, flush=True)
        """,
    )
    with script.started() as process:
        assert process.stdout is not None
        reported = int([process.stdout.readline() for _ in range(3)][-1])
        process.kill()
        process.wait()
    rows = script.rows()
    assert len(rows) >= reported
    assert [row["i"] for row in rows] == list(range(len(rows)))


def test_sigterm_lets_the_script_save_and_is_recorded(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
        import time, os, opensweep
        run = opensweep.init()
        run.log({"loss": 1.0})
        try:
            print("ready", flush=True)
            while True:
                time.sleep(0.01)
        finally:
            with open(os.path.join(run.checkpoint_dir, "weights"), "w") as file:
                file.write("saved")
            run.log({"loss": 0.5})
            time.sleep(0.2)
            print("saved", flush=True)
        """,
    )
    with script.started() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        wait_for(lambda: len(script.rows()) == 2, "the script's last row")
        process.terminate()  # a second one does not cut the saving short
        out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 143
    assert out == "saved\n"
    assert "Traceback" not in err
    assert script.exit_code() == 143
    assert (script.runs[0].checkpoints / "weights").read_text() == "saved"


def test_a_script_with_its_own_handler_keeps_it(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
        import signal, sys, time, opensweep
        stop = []
        signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
        run = opensweep.init()
        print("ready", flush=True)
        while not stop:
            time.sleep(0.01)
        run.log({"stopped": True})
        sys.exit(7)
        """,
    )
    with script.started() as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 7
    assert script.rows() == [{"stopped": True}]
    assert script.exit_code() == 7


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("raise RuntimeError('went wrong')", 1),
        ("import sys; sys.exit('sorry')", 1),
        ("import sys; sys.exit(5)", 5),
        ("raise KeyboardInterrupt", 130),
        ("pass", 0),
        ("opensweep.finish(exit_code=4)", 4),
    ],
)
def test_how_a_script_ends_is_recorded(tmp_path: Path, ending: str, code: int) -> None:
    script = Script(
        tmp_path, f"import opensweep\nopensweep.init()\nopensweep.log({{'a': 1}})\n{ending}\n"
    )
    done = script.run()
    assert script.exit_code() == code
    assert script.rows() == [{"a": 1}]
    assert "Run summary:" in done.stderr
    if "went wrong" in ending:
        assert "RuntimeError: went wrong" in done.stderr
        kept = script.runs[0].console(1).read_text()
        assert "RuntimeError: went wrong" in kept


def test_only_rank_0_records_and_every_rank_has_the_config(tmp_path: Path) -> None:
    """As torchrun starts them: the same script and environment but for RANK."""
    folder = RunFolder.create(
        tmp_path / "trial", run_id="s-1", config={"lr": 0.5}, locked=True, metadata={}
    )
    source = """
        import opensweep
        run = opensweep.init(config={"lr": 0.1, "epochs": 2})
        for epoch in range(run.config.epochs):
            run.log({"loss": run.config.lr * epoch})
        run.summary["done"] = True
        print(run.config.lr, run.id, run.step)
    """
    outputs = []
    for rank in range(3):
        script = Script(
            tmp_path / "script",
            source,
            OPENSWEEP_RUN_DIR=str(folder.path),
            OPENSWEEP_WRITER="1",
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE="3",
        )
        done = script.run()
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
        assert ("Run summary:" in done.stderr) == (rank == 0)
    assert outputs == ["0.5 s-1 2\n"] * 3
    rows = [r.row for r in Reader(folder.records(1)).read() if isinstance(r, History)]
    assert rows == [{"loss": 0.0}, {"loss": 0.5}]
    assert folder.writers() == ["1"]
    assert script.runs == []


def test_a_forked_child_does_not_write_into_the_parents_run(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
        import os, signal, sys, threading, opensweep
        run = opensweep.init()
        run.log({"who": 1})
        lock_held = threading.Event()
        child = os.fork()
        if child == 0:
            for i in range(100):
                run.log({"who": 2})
            run.summary["child"] = True
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            own = opensweep.init()
            assert own is not run
            own.log({"own": 1})
            sys.exit(3)
        _, status = os.waitpid(child, 0)
        run.log({"who": 3, "child": os.WEXITSTATUS(status)})
        """,
    )
    done = script.run()
    assert done.returncode == 0, done.stderr
    found = {}
    for run in script.runs:
        records = Reader(run.records(1)).read()
        rows = [record.row for record in records if isinstance(record, History)]
        found[str(rows)] = [r.exit_code for r in records if isinstance(r, Finished)]
    assert found == {
        str([{"who": 1}, {"who": 3, "child": 3}]): [0],
        str([{"own": 1}]): [3],
    }


def test_a_forked_child_that_logs_is_told_once_that_nothing_comes_of_it(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
        import multiprocessing, opensweep
        context = multiprocessing.get_context("fork")
        run = opensweep.init()
        def worker(logs):
            run.summary["child"] = run.config.get("a")
            for i in range(logs):
                opensweep.log({"a": i})
        for logs in (0, 5, 7):
            process = context.Process(target=worker, args=(logs,))
            process.start()
            process.join()
            assert process.exitcode == 0
        run.log({"a": 1})
        """,
    )
    done = script.run()
    assert done.returncode == 0, done.stderr
    said = "WARNING log() in a forked process is not recorded: log from the process that called"
    assert done.stderr.count(said) == 2, done.stderr
    assert done.stderr.count("WARNING") == 2
    assert script.rows() == [{"a": 1}]


def test_worker_processes_end_as_without_us(tmp_path: Path) -> None:
    """Data loaders fork workers and end them by SIGTERM: our handler is not theirs."""
    script = Script(
        tmp_path,
        """
        import multiprocessing, opensweep
        context = multiprocessing.get_context("fork")
        run = opensweep.init()
        with context.Pool(2) as pool:
            print(sum(pool.map(abs, [-1, -2])))
        codes = set()
        for _ in range(30):
            sleeper = context.Process(target=__import__("time").sleep, args=(60,))
            sleeper.start()
            sleeper.terminate()  # likely before it runs its first line
            sleeper.join()
            codes.add(sleeper.exitcode)
        print(codes)
        run.log({"a": 1})
        """,
    )
    done = script.run()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3\n{-15}\n"
    assert script.rows() == [{"a": 1}]
    assert script.exit_code() == 0


def test_a_disk_that_is_full_does_not_end_the_script(tmp_path: Path) -> None:
    script = Script(
        tmp_path,
        """
        import resource, opensweep
        run = opensweep.init()
        limit = 1 << 18
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        for i in range(20000):
            run.log({"i": i, "loss": 0.5})
        print("trained")
        """,
    )
    done = script.run()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "trained\n"
    assert done.stderr.count("the run cannot be written") == 1
    assert "calls could not be recorded" in done.stderr
    rows = script.rows()
    assert [row["i"] for row in rows] == list(range(len(rows)))
    assert len(rows) > 1000


def test_a_script_written_for_wandb(tmp_path: Path) -> None:
    """In the manner of W&B's own first example; only the import is ours."""
    script = Script(
        tmp_path,
        """
        import argparse
        import random
        import opensweep as wandb

        parser = argparse.ArgumentParser()
        parser.add_argument("--learning_rate", type=float, default=0.02)
        parser.add_argument("--epochs", type=int, default=4)

        def train():
            wandb.login()
            wandb.init(project="my-awesome-project", config=parser.parse_args(), tags=["a"])
            wandb.config.update({"architecture": "CNN"})
            config = wandb.config
            wandb.define_metric("acc", summary="max")
            offset = random.random() / 5
            for epoch in range(2, config.epochs):
                acc = 1 - 2 ** -epoch - random.random() / epoch - offset
                wandb.log({"acc": acc, "loss": 1 - acc, "epoch": epoch}, step=epoch)
            wandb.run.summary["architecture"] = config["architecture"]
            print(wandb.run.name, dict(config))
            wandb.finish()

        train()
        """,
    )
    done = script.run()
    assert done.returncode == 0, done.stderr
    assert "{'learning_rate': 0.02, 'epochs': 4, 'architecture': 'CNN'}" in done.stdout
    assert [row["epoch"] for row in script.rows()] == [2, 3]
    assert script.exit_code() == 0
    assert "  acc max 0." in done.stderr or "acc max -0." in done.stderr
    assert "architecture CNN" in done.stderr
