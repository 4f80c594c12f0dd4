"""One agent: runs trials of one sweep on all slots of one machine until there is nothing to do.

Threads: one per slot (its RQ worker pops, and runs one attempt at a time), one that beats every
3 s (beat.py), one that listens for the controller's call, one shipper per running attempt, one
that delivers what dead agents left. The main thread handles signals and waits.

With Redis away training goes on and results are delivered; slots wait. With the server away
training goes on, records stay in the run folder and results in the outbox. Either is said once.
An agent that is killed takes its trials with it (the warden does), and their leases run out.

Prints nothing: whoever starts it gets events (agent/events.py). Neighbours: slots.py (which slot
may take a trial), attempt.py (one trial), worker.py (the queue), policy.py (failures),
signals.py (Ctrl-C).
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from agent.attempt import Attempt
from agent.bad_box import BadBox
from agent.beat import Heart
from agent.delivery import deliver_abandoned
from agent.devices import Slot, find_devices
from agent.events import Ended, Event, Finishing, Started, Summary
from agent.policy import FailurePolicy
from agent.seek import Seeker
from agent.signals import Signals, kill_delay, killing, stopping
from agent.site import End, prepare
from agent.slots import Gate, SlotThread
from agent.supervisor import sweep_stragglers
from agent.tally import Tally
from agent.voice import Voice
from agent.worker import Broker, SlotWorker
from sweeps.errors import NotAllowed, NotFoundError
from sweeps.protocol.client import Client
from sweeps.spec import spec_from_mapping
from sweeps.trial import AttemptState, Reason, SweepState

_LAST_WORDS_S = 10.0
"""Seconds that an agent that must end goes on trying to deliver its last results."""
_HURRY_S = 2.0
_SLOT_ENDED = 0
_WAIT, _STOP, _KILL = 1, 2, 3  # urgency


def _say_nothing(event: Event) -> None:
    del event


class Agent:
    """Runs trials of a sweep on this machine.

    Args:
        client: the server.
        sweep_id: which sweep.
        on_event: told what happens (agent.events), from the agent's threads, one at a time.
        count: end after so many trials; None: when the sweep is over.
        slots, gpus, gpus_per_trial: see agent.devices.find_devices.
        workdir: where the program is looked for first; None: the current folder.
        forward_signals: pass SIGINT and SIGTERM on to the trials at once.
        provide_wandb: trials get a module `wandb` that is ours, whatever the sweep file says.
        max_consecutive_failed_runs: end after so many failures in a row.
        reconnect: called when the server does not answer for some seconds; returns a client of
            it as it is now (started anew, perhaps under another address), or raises.
        home: OPENSWEEP_HOME; None: from `environ`, else ~/.opensweep.
        environ: the environment; None: this process's.
    """

    def __init__(
        self,
        client: Client,
        sweep_id: str,
        *,
        on_event: Callable[[Event], None] = _say_nothing,
        count: int | None = None,
        slots: int | None = None,
        gpus: str | None = None,
        gpus_per_trial: int = 1,
        workdir: str | Path | None = None,
        forward_signals: bool = False,
        provide_wandb: bool = False,
        max_consecutive_failed_runs: int | None = None,
        reconnect: Callable[[], Client] | None = None,
        home: str | Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self.client, self.sweep_id = client, sweep_id
        self.host = socket.gethostname()
        self.agent_id = f"{self.host[:40]}-{os.getpid()}-{uuid4().hex[:8]}"
        self._home = Path(home or self._environ.get("OPENSWEEP_HOME") or "~/.opensweep")
        self._home = self._home.expanduser().absolute()
        self.voice = Voice(on_event)
        self._workdir = None if workdir is None else Path(workdir).absolute()
        self._devices = find_devices(
            gpus=gpus,
            gpus_per_trial=gpus_per_trial,
            slots=slots,
            owner=f"agent {self.agent_id} (pid {os.getpid()})",
            environ=self._environ,
        )
        self._policy = FailurePolicy.from_environment(
            self._environ,
            slots=len(self._devices.slots),
            consecutive=max_consecutive_failed_runs,
        )
        self._grace_s = kill_delay(self._environ)
        self._forward_signals = forward_signals
        self._provide_wandb = provide_wandb
        self.seeker = Seeker(client, reconnect, self.voice)
        self.gate = Gate(count)
        self._bad_box = BadBox(sweep_id, self.agent_id, self.gate, self.voice)
        self.ending, self._abandon = threading.Event(), threading.Event()
        self._lock = threading.RLock()
        self._attempts: dict[int, Attempt] = {}
        self._why, self._exit_code = "", 0
        self._urgency = 0
        self._slot_error: Exception | None = None
        self._deadline: float | None = None
        self._given_back: tuple[str, float, bool] | None = None
        self._told_of_metrics = False
        self._messages: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._threads: list[SlotThread] = []
        self._began = time.monotonic()

    # -- the main thread ----------------------------------------------------------------------

    def run(self) -> Summary:
        """Works until the sweep is over, `count` is reached, too many trials fail, or a signal.

        Call it from the main thread if signals are to be handled. Once.

        Raises:
            NotFoundError: no such sweep.
            NotAllowed: the API key may only read.
            ServerError, BrokerError: the server or Redis is out of reach at the start.
            UsageError: the program is not there, or cannot be run.
        """
        told = self.client.spec(self.sweep_id)
        self._hello = self.client.handshake()
        if self._hello.get("role") == "read":
            raise NotAllowed(
                "an agent needs an API key of the role write, and this one may only read: "
                "whoever runs the server makes one with `sweep server key create USER`."
            )
        # All that can be wrong on this machine is found before a trial is taken.
        self._site = prepare(
            spec_from_mapping(told["spec"]),
            told.get("origin") or {},
            client=self.client,
            server_id=str(self._hello["server_id"]),
            sweep_id=self.sweep_id,
            agent_id=self.agent_id,
            host=self.host,
            home=self._home,
            workdir=self._workdir,
            environ=self._environ,
            gpus=[gpu for slot in self._devices.slots for gpu in slot.gpus],
            provide_wandb=self._provide_wandb,
            grace_s=self._grace_s,
            listener=self.voice,
            abandon=self._abandon,
        )
        self._tally = Tally(self._policy, maximize=self._site.maximize)
        try:
            self._connect()
            with Signals(self._messages.put):
                self._work()
            return self._summary()
        finally:
            self._site.close()

    def _connect(self) -> None:
        self._redis_url = self._environ.get("OPENSWEEP_REDIS_URL") or self._hello["redis_url"]
        self.broker = Broker(self._redis_url, server_id=self._hello["server_id"])

    def _work(self) -> None:
        for note in self._devices.notes:
            self.voice.warn(note)
        sweep_stragglers()  # what a killed agent left may hold the memory of a GPU
        leftovers = threading.Thread(target=self._deliver_leftovers, name="leftovers")
        self._heart = Heart(self)
        self._threads = [
            SlotThread(self, slot, index) for index, slot in enumerate(self._devices.slots)
        ]
        threads = [leftovers, self._heart, *self._threads]
        try:
            self._site.sampler.start()
            for thread in threads:
                thread.start()
            self._wait_for_slots()
            self._wait_for_afterwork()
        finally:
            self._stop_taking()
            self._give_back("the agent was ended", self._grace_s)
            if leftovers.ident is not None and self._urgency < _STOP:
                leftovers.join(_LAST_WORDS_S)
            self._abandon.set()
            for thread in (leftovers, *self._threads):
                if thread.ident is not None:
                    thread.join()
            self._heart.stop()
            self.seeker.stop()
            self.broker.close()

    def _wait_for_slots(self) -> None:
        alive = len(self._threads)
        while alive:
            left = None if self._deadline is None else self._deadline - time.monotonic()
            try:
                message = self._messages.get(timeout=None if left is None else max(left, 0.0))
            except queue.Empty:
                self._abandon.set()
                self._deadline = None
                continue
            if message == _SLOT_ENDED:
                alive -= 1
            else:
                self._on_signal(message)

    def _wait_for_afterwork(self) -> None:
        """Lets the files of ended trials arrive; in a hurry they are the next agent's here."""
        afterwork = self._site.afterwork
        said = afterwork.wait(1.0)
        while self._urgency < _STOP and not afterwork.wait(0.2):
            if not said:
                said = True
                self.voice.wait_for(
                    f"the files of {afterwork.left} ended trials are still on their way to"
                    " the server (Ctrl-C: the next agent here goes on with them)"
                )
            with suppress(queue.Empty):
                if self._messages.get_nowait() != _SLOT_ENDED:
                    return

    def _on_signal(self, number: int) -> None:
        """Ctrl-C: no new trials; again: TERM them; a third time: KILL. SIGTERM: TERM at once."""
        with self._lock:
            attempts = list(self._attempts.values())
        if self._forward_signals:
            for attempt in attempts:
                attempt.forward(number)
        asked = number == signal.SIGINT
        self._urgency = max(self._urgency + 1, _WAIT if asked else _STOP)
        name = "Ctrl-C" if asked else signal.Signals(number).name
        if self._urgency == _WAIT:
            why = f"{name}; again to stop the running trials"
            self._end(why, 128 + number, say=why)
        elif self._urgency == _STOP:
            self._stop_taking()
            alive = self._give_back(f"the agent got {name}", self._grace_s, preempted=not asked)
            self._deadline = time.monotonic() + _LAST_WORDS_S + (self._grace_s if alive else 0.0)
            why = f"{name}: the running trials are stopped and given back"
            self._end(why, 128 + number, say=stopping(name, alive, self._grace_s, _LAST_WORDS_S))
        else:
            alive = self._give_back(f"the agent got {name}", 0.0, preempted=not asked)
            self._deadline = time.monotonic() + _HURRY_S
            if self._urgency == _KILL:
                self._end(name, 128 + number, say=killing(alive))

    def _give_back(self, why: str, grace_s: float, *, preempted: bool = False) -> int:
        """Ends what runs; how many trials that were."""
        with self._lock:
            self._given_back = (why, grace_s, preempted)
            attempts = list(self._attempts.values())
        return sum(
            attempt.give_back(why, grace_s=grace_s, preempted=preempted) for attempt in attempts
        )

    def _deliver_leftovers(self) -> None:
        delivered = deliver_abandoned(
            self.client, self._site.server_id, self._home, self.voice, self._abandon
        )
        if delivered:
            what = "a result" if delivered == 1 else f"{delivered} results"
            self.voice.warn(f"an agent that died here had left {what}: delivered now")

    # -- one trial (in a slot's thread) -------------------------------------------------------

    def run_trial(self, slot: Slot, index: int, trial_id: str, token: int) -> None:
        """Claims an attempt and runs it to its receipt. Does not raise."""
        if self.gate.resting:
            return  # popped at the last moment: the controller queues it again
        if not self._heart.claim(trial_id, token, index):
            return
        attempt = Attempt(self._site, slot, index, trial_id, token)
        with self._lock:
            self._attempts[index] = attempt
            given_back = self._given_back
        if given_back is not None:
            why, grace_s, preempted = given_back
            attempt.give_back(why, grace_s=grace_s, preempted=preempted)
        try:
            end = attempt.run(self._started)
        except Exception as error:  # a fault of ours: the lease runs out, and the trial is retried
            attempt.fence()
            self.voice.warn(f"{trial_id} was given up here: {type(error).__name__}: {error}")
            end = End(None)
        with self._lock:
            del self._attempts[index]
        if end.receipt is not None or end.refused:
            self._heart.let_go(trial_id, token)
        self._account(trial_id, end)

    def _started(self, event: Started) -> None:
        self.voice.say(event)
        if self.gate.free:
            # Until now the controller counted this attempt as one that waits for a slot.
            self._heart.beat(ring=True)

    def _account(self, trial_id: str, end: End) -> None:
        outcome, receipt = end.outcome, end.receipt
        if end.refused:
            return  # canceled, say, while it waited in the queue
        if outcome is not None and outcome.reason is Reason.DISK_FULL:
            self._end(outcome.detail, 1)  # the next trial would fail alike
        if outcome is None or (receipt is not None and not receipt.recorded):
            self.voice.warn(
                f"{trial_id} belongs to another agent now: what it did here is not recorded"
            )
            self._tally.add_unrecorded()
            return
        since = time.monotonic() - self._began
        too_many = self._tally.add(trial_id, outcome, end.objective, since)
        self.voice.say(
            Ended(
                trial_id=trial_id,
                outcome=outcome,
                objective=end.objective,
                seconds=end.seconds,
                will_retry=receipt is not None and receipt.will_retry,
                log=end.log,
            )
        )
        if outcome.state is AttemptState.FINISHED and receipt is not None and receipt.detail:
            self._say_of_metrics(trial_id, receipt.detail)
        bad = self._bad_box.ended(
            self.client, trial_id, outcome, end.seconds, enough=too_many is not None
        )
        if too_many is not None and not bad:
            said = outcome.detail or outcome.reason.value
            self._end(f"{too_many}. The last was {trial_id}: {said}; its output is in {end.log}", 1)

    def _say_of_metrics(self, trial_id: str, detail: str) -> None:
        """A trial ended without one of the sweep's further metrics: said once, for all will."""
        with self._lock:
            told, self._told_of_metrics = self._told_of_metrics, True
        if not told:
            self.voice.warn(f"{trial_id} finished, but {detail}")

    # -- what the threads ask and tell --------------------------------------------------------

    def running(self) -> list[Attempt]:
        with self._lock:
            return list(self._attempts.values())

    def workers(self) -> list[SlotWorker]:
        workers = (thread.worker for thread in self._threads)
        return [worker for worker in workers if worker is not None]

    def info(self) -> dict[str, Any]:
        """What `sweep status` shows of this agent."""
        return {
            "host": self.host,
            "pid": os.getpid(),
            "slots": len(self._devices.slots),
            "devices": [slot.device for slot in self._devices.slots],
            "running": [attempt.trial_id for attempt in self.running()],
            "quarantined": self._bad_box.why,
        }

    def slot_is_free(self) -> None:
        self._heart.beat(ring=True)

    def slot_ended(self, error: Exception | None) -> None:
        if error is not None:
            self._slot_error = error
            self.voice.warn(f"a slot is given up: {error}")
        self._messages.put(_SLOT_ENDED)

    def sweep_is(self, state: SweepState) -> None:
        if state.over:
            self._end(f"the sweep is {state.value}", 0)

    def sweep_is_gone(self, error: NotFoundError) -> None:
        self._end(str(error), 1)

    def connect_again(self) -> Broker | None:
        """The Redis that the server uses by now, if that is another one. Raises OpensweepError."""
        if self._environ.get("OPENSWEEP_REDIS_URL"):
            return None
        hello = self.client.handshake()
        if hello["redis_url"] == self._redis_url:
            return None
        broker = Broker(hello["redis_url"], server_id=hello["server_id"])
        self._redis_url = hello["redis_url"]
        return broker

    # -- its end ------------------------------------------------------------------------------

    def _end(self, why: str, exit_code: int, *, say: str = "") -> None:
        """Takes no more trials. The first reason is the one that is told at the end; but the
        sweep's own end may be heard of before the trial with which it went wrong is accounted for.

        `say`: what is told now, in any case.
        """
        with self._lock:
            first, running = not self._why, len(self._attempts)
            if first or (exit_code and not self._exit_code):
                self._why, self._exit_code = why, exit_code
        self._stop_taking()
        if say or (first and (running or exit_code)):
            self.voice.say(Finishing(say or why, running))

    def _stop_taking(self) -> None:
        self.gate.close()
        self.ending.set()
        self._bad_box.close()

    def _summary(self) -> Summary:
        if not self._why and self._slot_error is not None:
            self._why, self._exit_code = str(self._slot_error), 1
        why = self._why or "it ran as many trials as --count says"
        return self._tally.summary(why, self._exit_code, len(self._site.outbox.pending()))
