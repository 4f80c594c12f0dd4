"""The training script of the chaos suite: short, and everything that it does can be judged later.

Which kind it is follows from its trial's number (`KINDS`): one starts anew after each loss, one
goes on from its checkpoint, one says that it is being preempted, one ignores SIGTERM, one leaves a
grandchild in a session of its own. Each attempt notes that it began (`began.jsonl`) and holds a
lock of its trial; an attempt that finds it held notes an overlap (`overlaps.jsonl`), and goes on.
Row `s` is {loss: loss(number, s), at: s, attempt}. Neighbour: `books.py` reads all of that.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

KINDS = ("anew", "checkpoint", "preempt", "stubborn", "litter")
STEPS = 8
PAUSES_S = {"checkpoint": 0.6, "stubborn": 0.3}
"""Between two steps: longer where more is to happen within one attempt."""
PAUSE_S = 0.12
FILE = "model.txt"
ROOT = "OPENSWEEP_CHAOS_ROOT"
BOX = "OPENSWEEP_CHAOS_BOX"


def kind_of(number: int) -> str:
    return KINDS[number % len(KINDS)]


def loss(number: int, step: int) -> float:
    return number + 1.0 / (step + 1)


def content(number: int) -> bytes:
    """Of the file that each run leaves."""
    return b"%d\n" % number * 1000


def note(file: Path, **what: Any) -> None:
    """Appends one line, whole: several processes write to the same file."""
    with open(file, "ab", buffering=0) as stream:
        stream.write(json.dumps({"time": time.time(), **what}).encode() + b"\n")


class TrialLock:
    """The lock of one trial's number, held until it is closed or its process is gone."""

    def __init__(self, root: Path, number: int, attempt: int, box: str) -> None:
        me = {"number": number, "attempt": attempt, "box": box}
        note(root / "began.jsonl", pid=os.getpid(), **me)
        self._file: IO[bytes] = open(root / "trial-locks" / str(number), "a+b")  # noqa: SIM115
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = json.loads(self._file.read() or b"null")
            note(root / "overlaps.jsonl", holder=holder, **me)
        else:
            self._file.truncate(0)
            self._file.write(json.dumps(me).encode())
            self._file.flush()

    def close(self) -> None:
        self._file.close()


def main() -> None:
    import opensweep

    run = opensweep.init()
    number, attempt = int(run.id.rpartition("-")[2]), int(os.environ["OPENSWEEP_WRITER"])
    kind, root = kind_of(number), Path(os.environ[ROOT])
    lock = TrialLock(root, number, attempt, os.environ[BOX])
    if kind == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if kind == "litter":
        subprocess.Popen(["sleep", "600"], start_new_session=True)
    saved = Path(run.checkpoint_dir) / "state.json" if kind == "checkpoint" else None
    begin = json.loads(saved.read_text())["next"] if saved is not None and saved.exists() else 0
    for step in range(begin, STEPS):
        run.log({"loss": loss(number, step), "at": step, "attempt": attempt}, step=step)
        if saved is not None:
            draft = saved.with_suffix(".new")
            draft.write_text(json.dumps({"next": step + 1}))
            draft.replace(saved)
        print(f"step {step} of attempt {attempt}")
        if kind == "preempt" and attempt == 1 and step == STEPS // 2:
            run.mark_preempting()
            sys.exit(1)
        time.sleep(PAUSES_S.get(kind, PAUSE_S))
    (Path(run.dir) / FILE).write_bytes(content(number))
    run.summary["steps"] = STEPS
    run.finish()
    lock.close()


if __name__ == "__main__":
    main()
