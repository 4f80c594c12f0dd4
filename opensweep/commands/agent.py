"""`sweep agent`: runs trials on this machine; here its events become lines.

The agent itself (agent/agent.py) prints nothing. Trials that start and end are lines on standard
output, trouble is told on standard error. `sweep run` uses the same parts.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from opensweep import _text
from opensweep.commands import connection, options, report
from sweeps.errors import ServerError

if TYPE_CHECKING:
    from agent.events import Ended, Event, Started, Summary
    from sweeps.protocol.client import Client

Status = dict[str, Any]
_INTERRUPTED = 130
_WHY_WIDTH = 200
DULL_ENDS = frozenset({"finished", "stopped", "canceled"})
"""Ends of an attempt that are no trouble."""


@click.command(
    epilog="\b\nExample:\n"
    "  sweep agent k3j9x2ab                    every GPU, one trial each; else one CPU slot\n"
    "  sweep agent k3j9x2ab --gpus none --slots 4\n"
    "  OPENSWEEP_URL=http://box1:8080 OPENSWEEP_API_KEY=… sweep agent k3j9x2ab"
)
@options.sweep_argument()
@options.agent_options
@options.json_option("each event as one line of JSON, the summary last, all")
def agent(sweep: str, as_json: bool, **settings: Any) -> int:
    """Run trials of a sweep on this machine until it is done.

    One command drives all of the machine's slots. ID may be written PROJECT/ID or
    ENTITY/PROJECT/ID. Ctrl-C once: wait for the running trials; twice: stop them; three times:
    kill them. Ends with 0 when the sweep is done, 1 when too many trials failed here, or all.
    """
    load_ahead()
    with connection.server() as client:
        status = connection.sweep_status(client, sweep)
        if not as_json:
            click.echo(report.title(status))
        show = json_line if as_json else Lines().show
        summary, ends = work(client, status["id"], settings, show)
        failed = ends.all_failed and not summary.exit_code
        if failed:
            summary = dataclasses.replace(summary, exit_code=1)
        if as_json:
            json_line(summary)
        else:
            print_end(client, status["id"], summary, ends)
        if failed:
            connection.say(ends.complaint(status["id"]))
    return summary.exit_code


class Ends:
    """How the trials of an agent ended: its events pass by on their way to `on_event`.

    An attempt that fails and is queued again is an end of its trial here: where the next one runs,
    and how it goes, another agent may be the one to know.
    """

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._last: dict[str, Ended] = {}  # in the order of their ends
        self.again = False

    def take(self, event: Event) -> None:
        from agent import events

        if isinstance(event, events.Ended):
            self.again |= self._last.pop(event.trial_id, None) is not None
            self._last[event.trial_id] = event
        self._on_event(event)

    @property
    def all_failed(self) -> bool:
        """Whether it ran trials, and each of them failed."""
        return bool(self._last) and all(map(_failed, self._last.values()))

    def complaint(self, sweep_id: str) -> str:
        """`no trial succeeded`, and why the last one did not, as far as this agent knows."""
        label = click.style("error:", fg="red", bold=True)
        last = next(filter(_failed, reversed(self._last.values())), None)
        if last is None:
            return f"{label} no trial succeeded; see `sweep trials {sweep_id} --state failed`"
        detail = last.outcome.detail.rstrip(".") or last.outcome.reason.value
        why = _text.clip(detail, _WHY_WIDTH)
        told = f"the last one failed: {why}; see `sweep logs {last.trial_id}`"
        return f"{label} no trial succeeded; {told}"


def _failed(event: Ended) -> bool:
    return event.outcome.state.value in ("failed", "lost")


def load_ahead() -> None:
    """Loads the agent while the server is found or started: both take a while."""
    threading.Thread(target=importlib.import_module, args=["agent.agent"], daemon=True).start()


def work(
    client: Client,
    sweep_id: str,
    settings: dict[str, Any],
    on_event: Callable[[Event], None],
) -> tuple[Summary, Ends]:
    """Runs an agent in this process until it ends. Call it from the main thread."""
    from agent.agent import Agent
    from opensweep.local import ensure_server

    ends = Ends(on_event)
    # A server of this machine that was killed is started again: nobody else would.
    made = Agent(client, sweep_id, on_event=ends.take, reconnect=ensure_server, **settings)
    return made.run(), ends


def check_devices(settings: dict[str, Any]) -> None:
    """Raises DeviceError when GPUs are asked for that this machine does not have."""
    if settings["gpus"] is not None or settings["gpus_per_trial"] > 1:
        from agent.devices import find_devices

        find_devices(gpus=settings["gpus"], gpus_per_trial=settings["gpus_per_trial"])


def print_end(client: Client, sweep_id: str, summary: Summary, ends: Ends) -> Status | None:
    """What this machine did, and how the sweep stands; without a server, the former alone.

    Returns the sweep's status, None without a server.
    """
    click.echo()
    for line in machine_lines(summary, again=ends.again):
        click.echo(line)
    try:
        status = client.sweep(sweep_id)
        for line in report.ending(client, status):
            click.echo(line)
    except ServerError as error:
        connection.say(str(error))
        return None
    return status


def machine_lines(summary: Summary, *, again: bool) -> list[str]:
    """What an agent did, in one or two lines; `again`: it tried a trial more than once."""
    counts = {
        "finished": summary.finished,
        "stopped": summary.stopped,
        "failed": summary.failed,
    }
    told = [_text.counts_line(counts)] if any(counts.values()) else []
    told += [f"{summary.other} given back or canceled"] if summary.other else []
    count = sum(counts.values()) + summary.other
    text = _text.plural(count, "attempt" if again else "trial") if count else "no trial"
    text += f": {', '.join(told)}" if told else ""
    why = summary.why.rstrip(".")
    if summary.exit_code == _INTERRUPTED:
        why = why.partition(";")[0]  # the rest was advice while it ran
    lines = [f"this agent ran {text}. It ends: {why}."]
    if summary.undelivered:
        lines.append(
            click.style(
                f"{_text.plural(summary.undelivered, 'result')} could not be delivered; "
                "they are kept, and the next `sweep agent` on this machine delivers them.",
                fg="yellow",
            )
        )
    return lines


class Lines:
    """Events as lines: trials to `out`, trouble to `trouble`."""

    def __init__(
        self,
        out: Callable[[str], None] = click.echo,
        trouble: Callable[[str], None] = connection.say,
    ) -> None:
        self._out = out
        self._trouble = trouble

    def show(self, event: Event) -> None:
        from agent import events

        if isinstance(event, events.Started):
            self._out(f"{_clock()} {started_line(event)}")
        elif isinstance(event, events.Ended):
            self._out(f"{_clock()} {ended_line(event)}")
        elif isinstance(event, events.Waiting):
            self._trouble(f"{_clock()} waiting: {event.reason}")
        elif isinstance(event, events.Reconnected):
            self._trouble(f"{_clock()} going on: {event.what}")
        elif isinstance(event, events.Finishing):
            left = f"; waiting for {_text.plural(event.running, 'trial')}" if event.running else ""
            self._trouble(f"{_clock()} no new trials: {event.reason}{left}")
        else:
            self._trouble(f"{click.style('warning:', fg='yellow')} {event.message}")
        sys.stdout.flush()


def _clock() -> str:
    return click.style(time.strftime("%H:%M:%S"), dim=True)


def started_line(event: Started) -> str:
    """`k3j9x2ab-17 started (GPU 0), attempt 2: lr=0.003`."""
    where = f" ({event.device})" if event.device else ""
    attempt = f", attempt {event.attempt}" if event.attempt > 1 else ""
    return f"{event.trial_id} started{where}{attempt}: {_text.config_line(event.config)}"


def ended_line(event: Ended) -> str:
    """`k3j9x2ab-17 failed (out_of_gpu_memory): … in 3.1s; see `sweep logs k3j9x2ab-17``."""
    outcome = event.outcome
    told = report.state_with_reason({"state": outcome.state.value, "reason": outcome.reason.value})
    name, _, reason = told.partition(" ")
    parts = [f"{event.trial_id} {_text.state(name)}{f' {reason}' if reason else ''}"]
    if event.objective is not None:
        parts.append(f": {_text.number(event.objective)}")
    parts.append(f" in {_text.duration(event.seconds)}")
    if outcome.detail:
        parts.append(f": {outcome.detail.rstrip('.')}")
    if event.will_retry:
        parts.append("; it is queued again")
    if name in ("failed", "lost"):
        parts.append(f"; see `sweep logs {event.trial_id}`")
    return "".join(parts)


def json_line(event: Event | Summary) -> None:
    """An event as one line of JSON on standard output."""
    data = {"event": type(event).__name__.lower(), **dataclasses.asdict(event)}
    if (outcome := getattr(event, "outcome", None)) is not None:
        data["outcome"] = outcome.to_json()
    options.print_json_line(data)
