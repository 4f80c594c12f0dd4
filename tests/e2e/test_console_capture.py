"""What a run without an agent keeps of its output, wrapped or redirected, in real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BEGIN = (
    "import opensweep, os, subprocess, sys, time\nrun = opensweep.init(settings={'silent': True})\n"
)


def start(folder: Path, code: str, way: str) -> subprocess.Popen[bytes]:
    (folder / "train.py").write_text(BEGIN + code)
    return subprocess.Popen(
        [sys.executable, "train.py"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OPENSWEEP_MODE": "offline",
             "OPENSWEEP_DIR": str(folder / "runs"), "WANDB_CONSOLE": way},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def kept(folder: Path) -> bytes:
    (console,) = (folder / "runs").glob("*/console.1.log")
    return console.read_bytes()


def eventually(folder: Path, text: bytes) -> None:
    end = time.monotonic() + 20
    while not list((folder / "runs").glob("*/console.1.log")) or text not in kept(folder):
        assert time.monotonic() < end, "it was never kept"
        time.sleep(0.02)


ALL = (
    "print('out', flush=True); print('err', file=sys.stderr)\n"
    "os.write(1, b'from C \\xff\\n')\n"
    "subprocess.run(['sh', '-c', 'echo child; echo oops >&2'])\n"
    "pid = os.fork()\n"
    "if pid == 0:\n"
    "    print('forked', flush=True); os._exit(0)\n"
    "os.waitpid(pid, 0)\n"
)


def test_redirected_output_is_kept_whoever_prints_it(tmp_path: Path) -> None:
    process = start(tmp_path, ALL + "run.finish()\nprint('after', flush=True)\n", "redirect")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert sorted(out.splitlines()) == [b"after", b"child", b"forked", b"from C \xff", b"out"]
    assert {b"err", b"oops"} <= set(err.splitlines())  # where they went before
    lines = kept(tmp_path).splitlines()
    assert {b"out", b"err", b"child", b"oops", b"forked", b"from C \xff"} <= set(lines)
    assert b"after" not in lines


def test_wrapped_output_is_that_of_pythons_streams(tmp_path: Path) -> None:
    process = start(tmp_path, ALL, "wrap")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"child" in out
    lines = kept(tmp_path).splitlines()
    assert {b"out", b"err"} <= set(lines)
    assert b"child" not in lines


@pytest.mark.parametrize("way", ["redirect", "wrap"])
def test_a_killed_run_loses_nothing_that_it_printed(tmp_path: Path, way: str) -> None:
    process = start(tmp_path, "print('line', flush=True); time.sleep(60)\n", way)
    eventually(tmp_path, b"line\n")
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate(timeout=20)  # no tee is left that holds the pipe
    assert out == b"line\n"


def test_a_child_that_outlives_the_run_can_still_print(tmp_path: Path) -> None:
    code = "subprocess.Popen(['sh', '-c', 'sleep 1.5; echo late'])\n"
    process = start(tmp_path, code, "redirect")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out == b"late\n"
    assert b"late\n" in kept(tmp_path)


def test_signals_for_the_scripts_group_leave_its_last_words(tmp_path: Path) -> None:
    code = (
        "import atexit; atexit.register(print, 'last words', flush=True)\n"
        "print('up', flush=True); time.sleep(60)\n"
    )
    process = start(tmp_path, code, "redirect")
    eventually(tmp_path, b"up\n")
    os.killpg(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert out == b"up\nlast words\n"


def test_nothing_is_kept_where_it_shall_not_be(tmp_path: Path) -> None:
    process = start(tmp_path, "print('out')\n", "off")
    assert process.communicate(timeout=60)[0] == b"out\n"
    assert not list((tmp_path / "runs").glob("*/console.*"))


def test_a_line_of_megabytes_and_no_text_at_all(tmp_path: Path) -> None:
    code = (
        "print('x' * 5_000_000); sys.stdout.buffer.write(bytes(range(256))); sys.stdout.flush()\n"
    )
    process = start(tmp_path, code, "redirect")
    out, _ = process.communicate(timeout=60)
    assert len(out) == 5_000_001 + 256
    assert kept(tmp_path) == out
