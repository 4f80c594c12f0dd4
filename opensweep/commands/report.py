"""A sweep in words: the lines that `status`, `run` and `agent` print of one status document.

Pure functions of the server's JSON, and `ending()`, which asks the server for the little more that
the end of a sweep wants told. Neighbours: opensweep/_text.py sets numbers and columns; live.py
draws the moving picture from the same parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from opensweep import _text
from opensweep.commands.weighing import in_the_way, weighed
from sweeps.errors import OpensweepError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

OVER = frozenset({"finished", "canceled", "failed"})


def over(status: Mapping[str, Any]) -> bool:
    return status["state"] in OVER


def title(status: Mapping[str, Any]) -> str:
    """`k3j9x2ab digits: bayes, maximize val/acc`."""
    name = f" {own_name(status)}" if own_name(status) else ""
    return f"{click.style(status['id'], bold=True)}{name}: {aim(status)}"


def own_name(status: Mapping[str, Any]) -> str:
    """The sweep's name; "" when it has none but its id."""
    return "" if status.get("name") in (None, status["id"]) else str(status["name"])


def aim(status: Mapping[str, Any]) -> str:
    wanted = [status["metric"]] if status.get("metric") else []
    wanted += [each for each in status.get("metrics") or () if each["goal"]]
    return ", ".join([status["method"], *(f"{each['goal']} {each['name']}" for each in wanted)])


def expected(status: Mapping[str, Any]) -> int | None:
    """Trials that there will be: the lesser of the space's size and run_cap; None: no end."""
    ends = [status[key] for key in ("total", "run_cap") if status.get(key) is not None]
    # A run_cap below what there is takes nothing back: it only lets no more come.
    return max(min(ends), sum(status["counts"].values())) if ends else None


def progress(status: Mapping[str, Any]) -> str:
    """`17 of 25`, or `17` when there is no end."""
    end = expected(status)
    done = _text.done(status["counts"])
    return f"{done} of {end}" if end is not None else str(done)


def best_line(trial: Mapping[str, Any] | None, width: int | None = None) -> str:
    """`0.981  trial 17  lr=0.003 optimizer=adam`; with (stopped) where it did not finish."""
    if trial is None:
        return "no objective yet"
    head = f"{_text.number(trial['objective'])}  trial {trial['number']}{unfinished(trial)}  "
    room = None if width is None else width - len(head)
    return f"{head}{_text.config_line(trial['config'], room)}"


def unfinished(trial: Mapping[str, Any]) -> str:
    """` (stopped)`: how a trial with a result stands, where it has not finished; else ""."""
    state = trial.get("state") or "finished"
    return "" if state == "finished" else f" ({state})"


def status_lines(
    status: Mapping[str, Any], now: float, width: int | None = None
) -> list[tuple[str, str]]:
    """(label, text) pairs: trials, best, time, agents, and the reason when there is one."""
    lines = [("state", _state(status))]
    if status.get("trouble"):
        lines.append(
            (
                "",
                "it gets no new trials until that works, which is tried again by itself, at least "
                f"every 30 s. Give it other settings by `sweep update {status['id']} FILE`, or end "
                f"it by `sweep stop {status['id']}`; the server's log has the traceback",
            )
        )
    lines.append(("trials", f"{progress(status)} done: {_text.counts_line(status['counts'])}"))
    if status.get("metric"):
        room = None if width is None else width - 8
        lines.append(("best", best_line(status.get("best"), room)))
    if status.get("keeps_limits") is False and status.get("best") is not None:
        lines.append(
            ("limits", click.style("no trial keeps them: it is the best of all", fg="yellow"))
        )
        lines += [("", text) for text in in_the_way(status)]
    lines += [("missing", click.style(text, fg="yellow")) for text in missing(status)]
    lines.append(("time", _time(status, now)))
    agents = status.get("agents") or []
    lines += [("agent", agent_line(agent)) for agent in agents]
    if not agents and not over(status):
        lines.append(("agent", f"none: start one with `sweep agent {status['id']}`"))
    return lines


def _state(status: Mapping[str, Any]) -> str:
    if why := stuck(status):
        return click.style(why, fg="red")
    reason = f": {status['reason']}" if status.get("reason") else ""
    return f"{_text.state(status['state'])}{reason}"


def _time(status: Mapping[str, Any], now: float) -> str:
    elapsed = status.get("elapsed_s")
    if over(status):
        return f"{_text.duration(elapsed)}, ended {_text.ago(status.get('ended'), now)}"
    if not status.get("started"):
        return f"created {_text.ago(status.get('created'), now)}, not started"
    text = f"{_text.duration(elapsed)} so far"
    if (left := remaining(status)) is not None:
        text += f", about {_text.duration(left)} to go"
    return text


def missing(status: Mapping[str, Any]) -> list[str]:
    """`latency_ms: 3 finished trials ended without it; …` of each metric that scripts lack."""
    return [
        f"{each['name']}: {_text.plural(each['missing'], 'finished trial')} ended without it, and "
        f"cannot be judged by it; `sweep trials {status['id']}` says what they logged"
        for each in status.get("metrics") or ()
        if each.get("missing")
    ]


def standing(status: Mapping[str, Any]) -> str:
    """The state, in a word; `stuck` where it gets no new trials though it should."""
    return "stuck" if status.get("trouble") else str(status["state"])


def stuck(status: Mapping[str, Any]) -> str:
    """`stuck: Optuna's sampler X fails (ValueError: …)`; "" while all is well."""
    return f"stuck: {status['trouble']}" if status.get("trouble") else ""


def no_agent(status: Mapping[str, Any]) -> str:
    return f"no agent works for it: `sweep agent {status['id']}`"


def remaining(status: Mapping[str, Any]) -> float | None:
    """Seconds that a sweep will still take; None when that is not known, or nobody works on it."""
    works = status.get("agents") and not over(status)
    return status.get("eta_s") if works else None


def all_failed(status: Mapping[str, Any]) -> bool:
    """Whether a sweep is over and came to nothing: trials failed, and none has a result."""
    counts = status["counts"]
    stopped = counts.get("stopped", 0) and status.get("best") is not None
    result = counts.get("finished", 0) or stopped
    return over(status) and bool(counts.get("failed", 0)) and not result


def agent_line(agent: Mapping[str, Any]) -> str:
    """`gpu1: 3 of 4 slots busy (GPU 0-3)`, `gpu1: in quarantine (GPU 0-3)` and why."""
    devices = ", ".join(map(str, agent.get("devices") or []))
    text = f"{agent.get('host') or agent['id']}: {at_work(agent)}"
    text += f" ({devices})" if devices else ""
    if why := quarantine(agent):
        text += click.style(f"  {why}", fg="red")
    return text


def busy(agent: Mapping[str, Any]) -> int:
    """Slots that run a trial; one in quarantine has none free, whatever runs."""
    if agent.get("quarantined"):
        return len(agent.get("running") or ())
    return int(agent.get("slots") or 0) - int(agent.get("free") or 0)


def at_work(agent: Mapping[str, Any]) -> str:
    """`3 of 4 slots busy`, `in quarantine`, `in quarantine, 1 of 4 slots busy`."""
    works = f"{busy(agent)} of {int(agent.get('slots') or 0)} slots busy"
    if not agent.get("quarantined"):
        return works
    return f"in quarantine, {works}" if busy(agent) else "in quarantine"


def quarantine(agent: Mapping[str, Any]) -> str:
    """Why an agent is in quarantine, in short; "" where it is not."""
    said = _text.one_line(str((agent.get("quarantined") or [""])[0]))
    return said.partition(". ")[0].removeprefix("in quarantine: ")


def print_status(status: Mapping[str, Any], now: float, width: int | None) -> None:
    click.echo(title(status))
    for label, text in status_lines(status, now, width):
        click.echo(f"  {label:<7} {text}")


def check_answer(found: Mapping[str, Any], sweep_id: str) -> None:
    """Raises OpensweepError where an analysis of the server's has nothing to say, and why."""
    if found["problem"]:
        raise OpensweepError(str(found["problem"]))
    if found["needs"]:
        raise OpensweepError(
            f"{_text.plural(found['trials'], 'trial')} of sweep {sweep_id} ended with a value: "
            f"it takes {found['needs']} more to say anything."
        )


def state_with_reason(trial: Mapping[str, Any]) -> str:
    """`failed (out_of_gpu_memory)`; a reason that says nothing new is left out."""
    reason = trial.get("reason")
    told = reason and reason not in ("ok", "error", "early_stop", "user", trial["state"])
    return f"{trial['state']} ({reason})" if told else str(trial["state"])


def seconds(trial: Mapping[str, Any], now: float) -> float | None:
    """How long a trial ran, or has run so far; None for one that waits, be it for another go."""
    if trial.get("started") is None or trial["state"] in ("queued", "preempted"):
        return None
    end = trial.get("ended")
    return float(end if end is not None else now) - float(trial["started"])


def ending(client: Client, status: Mapping[str, Any]) -> list[str]:
    """What to print when a sweep (or this machine's part in it) is over.

    Counts, the best configuration (of several `metrics`: the best that keeps the limits, what it
    came to in each, and the front), how it compares to the first configuration that the sweep's
    `enqueue` names, and where to look next.
    """
    sweep_id = status["id"]
    reason = f" ({status['reason']})" if status.get("reason") and not stuck(status) else ""
    lines = [
        f"sweep {click.style(sweep_id, bold=True)} is {_text.state(standing(status))}{reason} "
        f"after {_text.duration(status.get('elapsed_s'))}: "
        f"{progress(status)} trials done ({_text.counts_line(status['counts'])})"
    ]
    if why := stuck(status):
        lines.append(click.style(why, fg="red"))
    best = status.get("best")
    if best is not None:
        metric = status["metric"]["name"] if status.get("metric") else "objective"
        value = click.style(_text.number(best["objective"]), fg="green", bold=True)
        lines.append(f"best {metric} {value}, trial {best['id']}{unfinished(best)}:")
        leaves = _text.flat(best["config"])
        lines += [f"  {name}: {_text.value_text(value)}" for name, value in leaves.items()]
        if best.get("parent"):
            lines.append(f"  (of its last segment; `sweep best {sweep_id}` shows those before)")
        if status.get("metrics"):
            found = client.outcome(sweep_id)
            if found["trial"] is not None:
                lines += weighed(status, found)
        lines += [click.style(f"missing: {text}", fg="yellow") for text in missing(status)]
        lines += _comparison(client, sweep_id, best)
    return [*lines, "", *next_steps(status)]


def _comparison(client: Client, sweep_id: str, best: Mapping[str, Any]) -> list[str]:
    """The best against the first enqueued configuration, which is trial 1 where there is one."""
    if not client.spec(sweep_id)["spec"].get("enqueue"):
        return []
    first = next(iter(client.trials(sweep_id, limit=1)), None)
    if first is None or first["number"] != 1 or first["objective"] is None:
        return []
    start, end = _text.number(first["objective"]), _text.number(best["objective"])
    if first["id"] == best["id"]:
        return [f"nothing beat the first enqueued configuration ({start}, trial 1)"]
    early = ", stopped early" if first["state"] == "stopped" else ""
    return [
        f"first enqueued configuration {start} (trial 1{early}) -> "
        f"best {end} (trial {best['number']})"
    ]


def next_steps(status: Mapping[str, Any]) -> list[str]:
    """Commands that look further, each with what it does."""
    sweep_id, best = status["id"], status.get("best")
    rows = [
        (f"sweep open {sweep_id}", "its page in the browser"),
        (f"sweep trials {sweep_id}", "every trial"),
    ]
    if stuck(status):
        rows.insert(0, (f"sweep status {sweep_id}", "what to do about it"))
        rows.insert(1, (f"sweep update {sweep_id} FILE", "give it settings that work"))
    if not over(status):
        rest = ", once it is stuck no more" if stuck(status) else ""
        rows.insert(2 if rest else 0, (f"sweep agent {sweep_id}", f"go on with it{rest}"))
    if best is not None:
        rows += [
            (f"sweep best {sweep_id}", "the best configuration as YAML"),
            (f"sweep logs {best['id']}", "what its script printed"),
        ]
    if status["counts"].get("failed"):
        rows.append((f"sweep trials {sweep_id} --state failed", "why trials failed"))
    rows.append((f"sweep export {sweep_id} --format csv", "everything as a table"))
    width = max(len(command) for command, _ in rows)
    return ["next:", *(f"  {command.ljust(width)}   {what}" for command, what in rows)]
