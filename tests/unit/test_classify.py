"""What the end of a training process means, case by case."""

from __future__ import annotations

import signal

import pytest

from agent.classify import Exit, classify
from sweeps.errors import LaunchError
from sweeps.protocol.live import Order
from sweeps.trial import AttemptState, Outcome, Reason

TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 3, in <module>
    main()
  File "train.py", line 2, in main
    step(batch)
{error}
"""


def ended(
    code: int | None = 0, sig: int | None = None, oom_kills: int = 0, by_itself: bool = False
) -> Exit:
    return Exit(code, sig, ended=1.0, max_rss_kb=3 << 20, oom_kills=oom_kills, by_itself=by_itself)


def verdict(exit: Exit | None, tail: str = "", **given: object) -> Outcome:
    values = {"asked": None, "why": "", "preempting": False, **given}
    return classify(exit, console_tail=tail, **values)  # type: ignore[arg-type]


def test_a_clean_end_is_finished() -> None:
    assert verdict(ended(0)) == Outcome(AttemptState.FINISHED, Reason.OK, "", 0, None)


def test_an_error_carries_the_line_that_names_it() -> None:
    tail = TRACEBACK.format(error="ValueError: lr must be positive") + "wandb: waiting\n"
    outcome = verdict(ended(1), tail)
    assert (outcome.state, outcome.reason) == (AttemptState.FAILED, Reason.ERROR)
    assert outcome.detail == "ValueError: lr must be positive"
    assert outcome.exit_code == 1


@pytest.mark.parametrize(
    "line",
    [
        "ModuleNotFoundError: No module named 'wandb'",
        "AttributeError: module 'wandb' has no attribute 'init'",
    ],
)
def test_a_python_without_wandb_is_named_with_what_helps(line: str) -> None:
    detail = verdict(ended(1), TRACEBACK.format(error=line), python="/usr/bin/python3").detail
    assert detail.startswith(f"{line} (/usr/bin/python3 ran the script")
    assert "OPENSWEEP_PYTHON=/path/to/python" in detail
    assert "`sweep agent --provide-wandb`" in detail
    own = verdict(ended(1), TRACEBACK.format(error=line)).detail
    assert "OPENSWEEP_PYTHON" not in own, "the sweep's command does not heed it"
    assert "`sweep agent --provide-wandb`" in own


@pytest.mark.parametrize(
    "line",
    [
        "ModuleNotFoundError: No module named 'wandb_extras'",
        "ModuleNotFoundError: No module named 'wandb.sdk'",
        "AttributeError: module 'wandb' has no attribute 'initialize'",
        "AttributeError: partially initialized module 'wandb' has no attribute 'init'",
    ],
)
def test_other_errors_about_wandb_speak_for_themselves(line: str) -> None:
    assert verdict(ended(1), TRACEBACK.format(error=line), python="/python").detail == line


def test_without_a_traceback_the_last_line_counts_without_colours_and_progress() -> None:
    tail = "10%\r 20%\r\x1b[31mtrain.py: error: unrecognized arguments: --lr=0.1\x1b[0m\n\n"
    said = "train.py: error: unrecognized arguments: --lr=0.1"
    assert verdict(ended(2), tail).detail == f"{said} (exit code 2)"


def test_what_our_logger_shows_at_the_end_is_not_the_script_s_last_word() -> None:
    tail = "no data in /data\nopensweep:\nopensweep: Run summary:\nopensweep: run a-1 is kept\n"
    assert verdict(ended(1), tail).detail == "no data in /data (exit code 1)"
    unended = "no data in /dataopensweep:\nopensweep: Run summary:\nopensweep: run a-1 is kept\n"
    assert verdict(ended(1), unended).detail == "no data in /data (exit code 1)"
    silent = "no data in /dataopensweep: run a-1 is kept in /x"
    assert verdict(ended(1), silent).detail == "no data in /data (exit code 1)"


def test_an_exit_code_that_a_traceback_does_not_explain_is_named() -> None:
    tail = TRACEBACK.format(error="ValueError: lr must be positive")
    assert verdict(ended(3), tail).detail == "ValueError: lr must be positive (exit code 3)"
    assert verdict(ended(139), "epoch 3\n").detail.startswith("epoch 3 (exit code 139, SIGSEGV")


def test_silence_is_named_too() -> None:
    assert "exit code 7" in verdict(ended(7)).detail


@pytest.mark.parametrize(
    "line",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total",
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB",
        "RuntimeError: CUDA error: out of memory",
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to"
        " allocate 8589934592 bytes.",
        "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating"
        " tensor with shape[8192,8192] and type float on /job:localhost/device:GPU:0",
        "RuntimeError: HIP out of memory. Tried to allocate 512.00 MiB",
        "cupy.cuda.memory.OutOfMemoryError: Out of memory allocating 8,000,000,000 bytes",
    ],
)
def test_gpu_memory_is_recognised_in_the_words_of_each_library(line: str) -> None:
    outcome = verdict(ended(1), TRACEBACK.format(error=line))
    assert outcome.reason is Reason.OUT_OF_GPU_MEMORY
    assert outcome.detail == line


def test_gpu_memory_in_a_worker_is_seen_behind_the_launcher_s_own_traceback() -> None:
    oom = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
    launcher = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: "
    tail = TRACEBACK.format(error=oom) + TRACEBACK.format(error=launcher)
    outcome = verdict(ended(1), tail)
    assert (outcome.reason, outcome.detail) == (Reason.OUT_OF_GPU_MEMORY, oom)


def test_gpu_memory_is_seen_in_the_first_of_a_chain_of_exceptions() -> None:
    oom = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
    link = "\nThe above exception was the direct cause of the following exception:\n\n"
    tail = TRACEBACK.format(error=oom) + link + TRACEBACK.format(error="RuntimeError: step failed")
    assert verdict(ended(1), tail).reason is Reason.OUT_OF_GPU_MEMORY


def test_memory_trouble_that_was_survived_is_not_blamed() -> None:
    tail = "CUDA out of memory: halving the batch\n" + TRACEBACK.format(error="KeyError: 'x'")
    outcome = verdict(ended(1), tail)
    assert (outcome.reason, outcome.detail) == (Reason.ERROR, "KeyError: 'x'")


@pytest.mark.parametrize(
    ("exit", "tail"),
    [
        (ended(1), TRACEBACK.format(error="MemoryError")),
        (
            ended(1),
            TRACEBACK.format(
                error="numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8. TiB"
            ),
        ),
        (ended(1), TRACEBACK.format(error="OSError: [Errno 12] Cannot allocate memory")),
        (ended(None, signal.SIGABRT), "terminate called\n  what():  std::bad_alloc\n"),
        (ended(None, signal.SIGKILL, oom_kills=1), "epoch 3\n"),
        (ended(137, oom_kills=1), "epoch 3\n"),  # under a shell
        (
            ended(1, oom_kills=2),
            TRACEBACK.format(
                error="RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed."
            ),
        ),
    ],
)
def test_host_memory_is_recognised(exit: Exit, tail: str) -> None:
    outcome = verdict(exit, tail)
    assert (outcome.state, outcome.reason) == (AttemptState.FAILED, Reason.OUT_OF_MEMORY)
    assert outcome.detail


def test_an_oom_kill_of_a_neighbour_is_not_this_trial_s() -> None:
    outcome = verdict(ended(1, oom_kills=1), TRACEBACK.format(error="ValueError: no"))
    assert outcome.reason is Reason.ERROR


def test_a_signal_that_nobody_asked_for_is_named() -> None:
    outcome = verdict(ended(None, signal.SIGSEGV))
    assert (outcome.state, outcome.reason) == (AttemptState.FAILED, Reason.KILLED)
    assert "SIGSEGV" in outcome.detail
    assert outcome.signal == signal.SIGSEGV


@pytest.mark.parametrize("exit", [ended(0), ended(1), ended(None, signal.SIGKILL)])
def test_orders_say_what_an_end_was_whatever_it_looks_like(exit: Exit) -> None:
    stopped = verdict(exit, asked=Order.STOP, why="band 3: 0.2 is worse than 0.1")
    assert (stopped.state, stopped.reason) == (AttemptState.STOPPED, Reason.EARLY_STOP)
    assert stopped.detail == "band 3: 0.2 is worse than 0.1"
    canceled = verdict(exit, asked=Order.CANCEL)
    assert (canceled.state, canceled.reason) == (AttemptState.CANCELED, Reason.USER)


def test_an_order_to_stop_that_came_too_late_changes_nothing() -> None:
    stopped = verdict(ended(0, by_itself=True), asked=Order.STOP, why="curve at iteration 2: …")
    assert stopped == Outcome(AttemptState.FINISHED, Reason.OK, "", 0, None)
    for exit in (ended(0), ended(None, signal.SIGTERM)):  # the interpreter was winding down
        assert verdict(exit, asked=Order.STOP, done=True).state is AttemptState.FINISHED
    for exit in (ended(1), ended(1, by_itself=True), ended(None, signal.SIGKILL)):
        assert verdict(exit, asked=Order.STOP, done=True).state is AttemptState.STOPPED
    canceled = verdict(ended(0, by_itself=True), asked=Order.CANCEL, done=True)
    assert canceled.state is AttemptState.CANCELED


def test_preemption_counts_when_the_script_then_fails() -> None:
    assert verdict(ended(1), preempting=True).state is AttemptState.PREEMPTED
    assert verdict(ended(None, signal.SIGTERM), preempting=True).state is AttemptState.PREEMPTED
    assert verdict(ended(0), preempting=True).state is AttemptState.FINISHED


def test_an_agent_that_ends_gives_its_trial_back() -> None:
    outcome = verdict(ended(0), agent_ending=True)  # a clean end on TERM is not a finished trial
    assert (outcome.state, outcome.reason) == (AttemptState.PREEMPTED, Reason.AGENT)


def test_a_trial_that_died_with_its_warden_is_lost_and_not_the_script_s_failure() -> None:
    exit = Exit(None, signal.SIGKILL, 1.0, 0, lost=True)
    assert verdict(exit).state is AttemptState.LOST


def test_what_could_not_be_started_says_why() -> None:
    outcome = verdict(None, launch_error=LaunchError("train.sh may not be executed"))
    assert (outcome.state, outcome.reason) == (AttemptState.FAILED, Reason.LAUNCH)
    assert outcome.detail == "train.sh may not be executed"
    env = verdict(ended(127), "/usr/bin/env: 'pyton': No such file or directory\n")
    assert env.reason is Reason.LAUNCH


def test_details_stay_short_and_printable() -> None:
    outcome = verdict(ended(1), TRACEBACK.format(error="ValueError: \x07" + "x" * 10_000))
    assert len(outcome.detail) <= 500
    assert outcome.detail.isprintable()


def test_an_exception_group_is_named_by_its_own_line() -> None:
    tail = (
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "t.py", line 1, in <module>\n'
        "  | ExceptionGroup: two (2 sub-exceptions)\n"
    )
    assert verdict(ended(1), tail).detail
