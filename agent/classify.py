"""What the end of a training process means: the one place that turns exits into outcomes.

Pure: values in, an Outcome out. Neighbours: `agent.supervisor` reports the exits,
`sweeps.trial` says what an outcome is, `sweeps.retry` decides what follows from it.
The patterns are the words of the libraries that people train with, matched where the end is
explained (the last traceback), so that an error that was caught and survived is not blamed.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from sweeps.errors import LaunchError
from sweeps.protocol.live import Order
from sweeps.trial import AttemptState, Outcome, Reason

DETAIL_LIMIT = 500


@dataclass(frozen=True)
class Exit:
    """How a training process ended; everything that it left behind is dead by now.

    Attributes:
        code: exit code; None when a signal ended it.
        signal: that signal's number; None when it exited.
        ended: when the process itself ended (UTC epoch seconds).
        max_rss_kb: its peak resident memory, or its largest child's, in KiB.
        oom_kills: processes of this cgroup that the kernel killed for memory while it ran.
        stragglers: processes that outlived it and its grace, and had to be killed.
        lost: the warden was killed and took the process with it; the rest is a guess.
        by_itself: it had ended before anything was done to end it.
    """

    code: int | None
    signal: int | None
    ended: float
    max_rss_kb: int
    oom_kills: int = 0
    stragglers: int = 0
    lost: bool = False
    by_itself: bool = False


_GPU_MEMORY = re.compile(
    r"(CUDA|HIP|MPS backend|XPU) out of memory"
    r"|CUDA (runtime )?error: out of memory"
    r"|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|hipErrorOutOfMemory"
    r"|CU(BLAS|DNN|SPARSE|SOLVER)_STATUS_ALLOC_FAILED"
    r"|(torch(\.cuda)?|cupy\.cuda\.memory|numba\.cuda\S*)\.(OutOfMemoryError|CudaOutOfMemory)"
    r"|RESOURCE_EXHAUSTED: .*([Oo]ut of memory|OOM|[Aa]llocat)"
    r"|OOM when allocating tensor"
)
_HOST_MEMORY = re.compile(
    r"\bMemoryError\b|_ArrayMemoryError|std::bad_alloc"
    r"|Cannot allocate memory|can't allocate memory|not enough memory: you tried to allocate"
    r"|OOM when allocating tensor.*/device:CPU"
)
_KILLED_CHILD = re.compile(
    r"killed by signal: Killed|exitcode\s*: -9|SIGKILL|died with .*Signals\.SIGKILL|"
    r"terminated abruptly"
)
# Their traceback is the launcher's; what went wrong stands further up.
_WRAPPERS = re.compile(r"ChildFailedError|ProcessRaisedException|CalledProcessError|RayTaskError")
_ENV_FAILED = re.compile(r"env: .*(No such file|Permission denied|cannot execute|not found)", re.I)
# The second: a folder ./wandb (old runs, say) is imported in the place of the client.
_NO_WANDB = re.compile(
    r"ModuleNotFoundError: No module named 'wandb'$"
    r"|AttributeError: module 'wandb' has no attribute 'init'"
)
_TRACEBACK = "Traceback (most recent call last):"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)")
# Our logger's lines (logging_core/terminal.py); the first may stand behind what the script printed
# without a line's end.
_OURS = re.compile(
    r"^opensweep:.*\n?|opensweep:( run \S+ is kept in .*| WARNING .*)?$", re.MULTILINE
)


def classify(
    exit: Exit | None,
    *,
    console_tail: str,
    asked: Order | None,
    why: str,
    preempting: bool,
    agent_ending: bool = False,
    done: bool = False,
    launch_error: LaunchError | None = None,
    python: str | None = None,
) -> Outcome:
    """What an attempt's end means.

    Args:
        exit: how the process ended; None when it never started (then `launch_error` is given).
        console_tail: the last few kilobytes of its output.
        asked: the order that was carried out on it (stop, cancel), if any.
        why: the reason that came with the order.
        preempting: the script (mark_preempting) or the machine said that it is being taken away.
        agent_ending: the agent stopped it because the agent itself was told to end.
        done: the script had recorded a good end of its run before any order came: what cut it
            short was the interpreter's own end, or what the script does when it has logged all.
        launch_error: what Supervisor.start() raised.
        python: the interpreter that the agent chose for it; None: the sweep's command names one.
    """
    if exit is None or launch_error is not None:
        return Outcome(AttemptState.FAILED, Reason.LAUNCH, _short(str(launch_error or "")))
    code, sig = exit.code, exit.signal

    def outcome(state: AttemptState, reason: Reason, detail: str = "") -> Outcome:
        return Outcome(state, reason, _short(detail), code, sig)

    if asked is Order.CANCEL:
        return outcome(AttemptState.CANCELED, Reason.USER, why)
    if asked is Order.STOP and _was_whole(exit, done):
        return outcome(AttemptState.FINISHED, Reason.OK)
    if asked is Order.STOP:
        return outcome(AttemptState.STOPPED, Reason.EARLY_STOP, why)
    if exit.lost:
        return outcome(
            AttemptState.LOST, Reason.AGENT, "the process that watches over the trials was killed"
        )
    if code == 0 and not agent_ending:
        # mark_preempting asks for another go only when the script then fails (as W&B has it).
        return outcome(AttemptState.FINISHED, Reason.OK)
    if agent_ending:
        return outcome(AttemptState.PREEMPTED, Reason.AGENT, why or "the agent was ended")
    if preempting:
        return outcome(AttemptState.PREEMPTED, Reason.PREEMPTED, why)
    tail = _clean(console_tail)
    reason, detail = _failure(exit, tail)
    if reason is Reason.ERROR and _NO_WANDB.match(_last_word(tail)):
        detail += _without_wandb(python)
    return outcome(AttemptState.FAILED, reason, detail)


def _was_whole(exit: Exit, done: bool) -> bool:
    """Whether an order to stop came when the trial had all its values. A script that heard the
    order and then ended well was cut short all the same."""
    if done and exit.signal == signal.SIGTERM:
        return True
    return exit.code == 0 and (done or exit.by_itself)


def _without_wandb(python: str | None) -> str:
    if python is None:
        return (
            " (the Python that the sweep's `command` names has no wandb: name one that has it, or "
            "use `sweep agent --provide-wandb`)"
        )
    return (
        f" ({python} ran the script and has no wandb: set OPENSWEEP_PYTHON=/path/to/python to one "
        "that has it, or use `sweep agent --provide-wandb`)"
    )


def _failure(exit: Exit, tail: str) -> tuple[Reason, str]:
    text = _explanation(tail)
    line = _last_word(tail)
    killed = exit.signal == signal.SIGKILL or exit.code == 128 + signal.SIGKILL
    if _HOST_MEMORY.search(text) and not _GPU_MEMORY.search(text):
        return Reason.OUT_OF_MEMORY, f"out of memory: {line}"
    if match := _GPU_MEMORY.search(text):
        in_cpu = "/device:CPU" in text and match[0].startswith("OOM when")
        reason = Reason.OUT_OF_MEMORY if in_cpu else Reason.OUT_OF_GPU_MEMORY
        return reason, line if match[0] in line else _line_around(text, match)
    if exit.oom_kills and (killed or _KILLED_CHILD.search(text)):
        return (
            Reason.OUT_OF_MEMORY,
            f"the kernel killed it for want of memory (its peak was {_memory(exit.max_rss_kb)})",
        )
    if exit.signal is not None:
        return Reason.KILLED, f"killed by {_signal_name(exit.signal)}" + (
            "; the machine may have been short of memory" if killed else ""
        )
    if exit.code in (126, 127) and _ENV_FAILED.search(line):
        return Reason.LAUNCH, line
    code = f"exit code {exit.code}"
    if exit.code is not None and exit.code > 128 and (name := _signal_name(exit.code - 128)):
        code += f", {name}"
    if not line:
        return Reason.ERROR, f"the script ended with {code} and said nothing"
    # An exception's line speaks for itself; any other last line need not be the cause.
    if exit.code == 1 and _TRACEBACK in tail:
        return Reason.ERROR, line
    return Reason.ERROR, f"{_short(line, DETAIL_LIMIT - len(code) - 3)} ({code})"


def _clean(tail: str) -> str:
    """The script's lines as a person sees them: no colours, progress bars end theirs, and our
    logger's, which come last with its summary, are left out."""
    text = _ANSI.sub("", tail).replace("\r\n", "\n").replace("\r", "\n")
    return _OURS.sub("", text)


def _explanation(tail: str) -> str:
    """The part of the output that says why it ended."""
    start = tail.rfind(_TRACEBACK)
    if start < 0:
        return "\n".join(tail.splitlines()[-20:])
    last = tail[start:]
    if _WRAPPERS.search(last):
        return tail
    # A chain ("During handling of …", "direct cause of …") is one explanation.
    while start > 0:
        before = tail[:start].rstrip()
        link = before.rpartition("\n")[2]
        if "another exception occurred:" not in link and "direct cause of" not in link:
            break
        start = before.rfind(_TRACEBACK)
        if start < 0:
            return tail
    return tail[start:]


def _last_word(tail: str) -> str:
    """The line that names the exception; without a traceback, the last line that is not empty."""
    _, found, after = tail.rpartition(_TRACEBACK)
    if found:
        for line in after.splitlines()[1:]:
            # "| " and "+ " are the drawing of exception groups.
            if line.strip() and not line[0].isspace() and not line.startswith(("|", "+")):
                return line.strip()
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _line_around(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    return text[start : end if end >= 0 else None].strip()


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return ""
    said = {
        signal.SIGSEGV: "a crash in native code",
        signal.SIGABRT: "native code gave up",
        signal.SIGBUS: "a bad memory access, or a full /dev/shm",
        signal.SIGILL: "an instruction that this processor does not have",
    }.get(signal.Signals(number))
    return f"{name} ({said})" if said else name


def _memory(kib: int) -> str:
    return f"{kib / 2**20:.1f} GiB" if kib >= 2**20 else f"{kib / 2**10:.0f} MiB"


def _short(text: str, limit: int = DETAIL_LIMIT) -> str:
    text = "".join(char if char.isprintable() else " " for char in text).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"
