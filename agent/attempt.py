"""One attempt at a trial on this machine: from the server's word that it may start to its receipt.

    start (server) -> run folder -> process -> its end -> outbox -> rest of the records -> receipt
                                                                    -> afterwork

`run` does all of that in the slot's thread. Meanwhile other threads may order it to stop, fence
it, or give it back; each of those returns at once, and `run` ends soon after. An attempt that is
fenced kills its process and records nothing. Nothing here speaks to Redis: agent.py claims before
and lets go after.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from agent.afterwork import Job
from agent.checkpoints import keep, seed
from agent.classify import Exit, classify
from agent.delivery import deliver, finish, ship_rest
from agent.devices import Slot
from agent.disk import blame
from agent.events import Started
from agent.launch import Launch, prepare
from agent.listening import Backoff
from agent.outbox import Result
from agent.shipper import Shipper
from agent.site import End, Site
from agent.supervisor import Process
from logging_core.folder import RunFolder, WriterName
from sweeps.errors import (
    ConfigurationError,
    Fenced,
    LaunchError,
    NotFoundError,
    OpensweepError,
    ServerError,
    StoreUnavailable,
)
from sweeps.objective import no_objective
from sweeps.protocol.live import Order
from sweeps.trial import AttemptState, Outcome, Reason

PREEMPTING = "preempting"
"""A file in the run folder by which a script says that it is being taken away."""
_TAIL_BYTES = 64 * 1024
_CAPTURE_S = 10.0


class Attempt:
    """One attempt; `run` once. The other methods may be called from any thread, at any time."""

    def __init__(self, site: Site, slot: Slot, slot_index: int, trial_id: str, token: int) -> None:
        self._site, self._slot, self._index = site, slot, slot_index
        self.trial_id, self.token = trial_id, token
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._order, self._why = Order.NONE, ""
        self._ordered_at = 0.0
        self._given_back: str | None = None
        self._preempted = False
        self._fenced = False
        self._over = False
        self._interrupted = threading.Event()

    # -- what others want of it ---------------------------------------------------------------

    def obey(self, order: Order, why: str) -> None:
        """Stops it as ordered: TERM, the grace, KILL. A cancel outranks a stop."""
        with self._lock:
            known = order in (Order.NONE, self._order) or self._order is Order.CANCEL
            if self._over or known:
                return
            self._order, self._why, self._ordered_at = order, why, time.time()
            self._end_process(self._site.grace_s)

    def fence(self) -> None:
        """It is somebody else's now: kills it; nothing of it is recorded."""
        with self._lock:
            if self._over:
                return  # the server decides whether its result still counts
            self._fenced = True
            self._end_process(0.0)

    def ask_server(self) -> None:
        """Asks whether it is still ours, and ends it if not: Redis does not know it."""
        with self._lock:
            if self._over:
                return
        site, named = self._site, (self.trial_id, self.token)
        try:
            site.client.start(*named, site.agent_id, site.host, self._slot.device)
        except (Fenced, NotFoundError) as error:
            with self._lock:
                told = not (self._over or self._fenced)
            if told:
                site.listener.warn(f"{self.trial_id} is ended here: {error}")
            self.fence()
        except OpensweepError:
            pass  # away: the next beat asks again

    def give_back(self, why: str, *, grace_s: float, preempted: bool = False) -> bool:
        """Ends it because the agent must end; the trial is queued again.

        Returns False when it has ended already, and only its result is on the way.

        Args:
            why: for people.
            grace_s: between TERM and KILL; 0 kills.
            preempted: the machine is being taken away.
        """
        with self._lock:
            if self._over:
                return False
            self._given_back = self._given_back or why
            self._preempted = self._preempted or preempted
            self._end_process(grace_s)
            return True

    def forward(self, number: int) -> None:
        """Passes a signal to the agent on to the training process.

        If that ends it badly, the trial is queued again; if it ends well, it has finished.
        """
        with self._lock:
            if self._process is not None and not self._over:
                self._preempted = True
                self._process.signal(number)

    def _end_process(self, grace_s: float) -> None:
        self._interrupted.set()
        if self._process is not None:
            self._process.stop(grace_s)

    # -- its life -----------------------------------------------------------------------------

    def run(self, started: Callable[[Started], None]) -> End:
        """Runs it to its receipt. `started` is told when its process runs."""
        site = self._site
        folder = RunFolder(site.runs / site.sweep_id / self.trial_id)
        self._ship_earlier(folder)
        try:
            trial = self._begin()
        except Fenced:
            return End(None, refused=not self._fenced)
        shipper: Shipper | None = None
        process: Process | None = None
        exit: Exit | None = None
        error: LaunchError | None = None
        seconds: float | None = None
        written: threading.Event | None = None
        keeps = False
        try:
            if trial is not None:
                launch = self._prepare(folder, trial)
                keeps = bool(trial.get("keep"))
                shipper = self._shipper(folder)
                began = time.monotonic()
                process = self._launch(folder, launch)
            if process is not None and shipper is not None and trial is not None:
                shipper.start()
                started(self._started(trial, folder))
                written = self._accompany(process, folder, launch, shipper)
                exit = process.wait()
                seconds = _seconds(began, exit)
                site.sampler.forget(process.pid)
        except LaunchError as launch_error:
            error = launch_error
        except OSError as os_error:
            error = LaunchError(f"its run folder cannot be written: {os_error}")
        with self._lock:
            self._over = True  # what it is ordered from now on comes too late
        if shipper is not None:
            shipper.stop()
        if self._fenced:
            return End(None)
        done_at = shipper.digest.done_at if shipper is not None else None
        outcome = self._classify(folder, exit, error, done_at)
        if keeps and outcome.state in (AttemptState.FINISHED, AttemptState.STOPPED):
            keep(site.client, folder, self.trial_id, self.token, site.listener, site.abandon)
        return self._report(folder, shipper, outcome, seconds, written)

    def _begin(self) -> dict[str, Any] | None:
        """The trial, with the server's word that it may start, however long that takes.

        None: it was ordered to end before it began. Raises Fenced.
        """
        site, backoff = self._site, Backoff()
        while not self._interrupted.is_set():
            try:
                answer = site.client.start(
                    self.trial_id, self.token, site.agent_id, site.host, self._slot.device
                )
            except NotFoundError as error:
                raise Fenced(str(error)) from error
            except (ServerError, StoreUnavailable, ConfigurationError) as error:
                site.listener.server_away(error)
                self._interrupted.wait(backoff.seconds())
            else:
                site.listener.server_back()
                return dict(answer["trial"])
        if self._fenced:
            raise Fenced(f"{self.trial_id} was taken over")
        return None

    def _prepare(self, folder: RunFolder, trial: Mapping[str, Any]) -> Launch:
        """Writes the run folder. Raises OSError."""
        site = self._site
        RunFolder.create(
            folder.path,
            run_id=self.trial_id,
            config=trial["config"],
            locked=True,
            metadata={
                "sweep_id": site.sweep_id,
                "number": trial["number"],
                "attempt": self.token,
                "project": site.project,
                "entity": site.entity,
                "host": site.host,
                "device": self._slot.device,
                "started": time.time(),
            },
        )
        with suppress(FileNotFoundError):
            os.unlink(folder.path / PREEMPTING)
        given = (site.client, folder, trial.get("parent"), site.listener, self._interrupted)
        seeded = seed(*given)
        return prepare(
            site.program,
            config=trial["config"],
            run_dir=folder.path,
            sweep_id=site.sweep_id,
            trial_id=self.trial_id,
            token=self.token,
            resumed=bool(trial.get("resumed")) or seeded,
            detour=0 < folder.last_token() < int(trial.get("last") or 0),
            metric=site.metric,
            slot_env=self._slot.env,
            inject=site.inject,
            project=site.project,
            entity=site.entity,
            server_url=site.client.url,
            environ=site.environ,
        )

    def _launch(self, folder: RunFolder, launch: Launch) -> Process | None:
        """The process, running; None when it was ordered to end at the last moment."""
        if self._interrupted.is_set():
            return None
        lock = self._slot.lock
        process = self._site.supervisor.start(
            argv=launch.argv,
            env=launch.env,
            cwd=launch.cwd,
            console=folder.console(self.token),
            marker=self._site.supervisor.marker(self.trial_id, self.token),
            keep_fds=lock.fds if lock is not None else (),
        )
        with self._lock:
            self._process = process
            if self._interrupted.is_set():  # ordered while it was being started
                process.stop(0.0 if self._fenced else self._site.grace_s)
        return process

    def _accompany(
        self, process: Process, folder: RunFolder, launch: Launch, shipper: Shipper
    ) -> threading.Event:
        """Its machine is sampled, and where it comes from is written down; set when it is."""
        site = self._site
        site.sampler.watch(process.pid, folder.system(self.token), self._slot.gpus)
        device, about = self._slot.device, shipper.about
        return site.provenance.attach(folder, self.token, device, launch, about)

    def _started(self, trial: Mapping[str, Any], folder: RunFolder) -> Started:
        return Started(
            trial_id=self.trial_id,
            number=int(trial["number"]),
            attempt=self.token,
            slot=self._index,
            device=self._slot.device,
            config=dict(trial["config"]),
            folder=str(folder.path),
        )

    # -- its end ------------------------------------------------------------------------------

    def _classify(
        self,
        folder: RunFolder,
        exit: Exit | None,
        error: LaunchError | None,
        done_at: float | None,
    ) -> Outcome:
        if exit is None and self._interrupted.is_set():
            return self._unstarted()
        outcome = classify(
            exit,
            console_tail=_tail(folder.console(self.token)),
            asked=self._order or None,
            why=self._why or self._given_back or "",
            preempting=self._preempted or (folder.path / PREEMPTING).exists(),
            agent_ending=self._given_back is not None,
            done=done_at is not None and done_at < self._ordered_at,
            launch_error=error,
            python=self._site.program.chosen_python(self._site.environ),
        )
        if self._preempted and outcome.state is AttemptState.PREEMPTED:
            outcome = replace(outcome, reason=Reason.PREEMPTED)
        return outcome

    def _unstarted(self) -> Outcome:
        """The outcome of an attempt that was ordered to end before its process began."""
        if self._order is Order.CANCEL:
            return Outcome(AttemptState.CANCELED, Reason.USER, self._why)
        if self._order is Order.STOP:
            return Outcome(AttemptState.STOPPED, Reason.EARLY_STOP, self._why)
        reason = Reason.PREEMPTED if self._preempted else Reason.AGENT
        return Outcome(AttemptState.PREEMPTED, reason, self._given_back or "the agent was ended")

    def _report(
        self,
        folder: RunFolder,
        shipper: Shipper | None,
        outcome: Outcome,
        seconds: float | None,
        written: threading.Event | None,
    ) -> End:
        """Puts the result on disk, then sends what is left of the records, then the result."""
        site = self._site
        digest = shipper.digest if shipper is not None else None
        objective = digest.objective(maximize=site.maximize) if digest is not None else None
        scored = site.metric is None or objective is not None
        outcome = blame(outcome, site.runs, scored=scored)
        result = Result(
            sweep_id=site.sweep_id,
            trial_id=self.trial_id,
            token=self.token,
            outcome=outcome,
            summary=digest.summary if digest is not None else {},
            logged_keys=tuple(digest.keys) if digest is not None else (),
            server_id=site.server_id,
            folder=str(folder.path),
            metric=site.metric,
            config=digest.config if digest is not None else {},
            metadata=digest.metadata if digest is not None else {},
            seconds=seconds,
        )
        try:
            site.outbox.put(result)
        except OSError as error:
            site.listener.warn(
                f"the result of {self.trial_id} cannot be kept on disk, it is only sent: {error}"
            )
        receipt = None
        if shipper is None or shipper.drain(site.abandon):
            receipt = deliver(site.client, site.outbox, result, site.listener, site.abandon)
        if receipt is not None and receipt.recorded:
            again = receipt.will_retry
            rest = partial(finish, shipper, site.outbox, result, compacts=not again)
            site.afterwork.add(partial(_after, written, rest))
        if (
            receipt is not None
            and receipt.state == AttemptState.FAILED
            and outcome.state is AttemptState.FINISHED
        ):
            detail = no_objective(site.metric or "", result.logged_keys)
            outcome = replace(
                outcome, state=AttemptState.FAILED, reason=Reason.NO_OBJECTIVE, detail=detail
            )
        if receipt is not None and receipt.scored:
            objective = receipt.objective
        log = str(folder.console(self.token))
        return End(outcome, objective=objective, seconds=seconds or 0.0, receipt=receipt, log=log)

    def _shipper(self, folder: RunFolder) -> Shipper:
        site = self._site
        return Shipper(
            site.client,
            folder,
            self.trial_id,
            self.token,
            site.metric,
            site.listener,
            on_fenced=self.fence,
        )

    def _ship_earlier(self, folder: RunFolder) -> None:
        """What earlier attempts on this machine logged last, which their agent could not send.

        Once this attempt has started, the server takes nothing of theirs any more: so they come
        first, however long it is away.
        """
        site = self._site
        tokens = {writer.token for writer in map(WriterName.parse, folder.writers()) if writer}
        for token in sorted(token for token in tokens if token < self.token):
            given = (self.trial_id, token, site.metric, site.listener, self._interrupted)
            ship_rest(site.client, folder, *given)


def _after(written: threading.Event | None, rest: Job, give_up: threading.Event) -> None:
    """`rest` of a trial that may have ended before it was written down where it comes from."""
    if written is not None and not give_up.is_set():
        written.wait(_CAPTURE_S)
    rest(give_up)


def _seconds(began: float, exit: Exit | None) -> float:
    """How long a process ran that began at `began` of the monotonic clock, and has just ended.

    What it left behind may have had to be killed since: that time is not its own.
    """
    until_now = time.monotonic() - began
    burial = time.time() - exit.ended if exit is not None else 0.0
    return until_now - min(max(0.0, burial), until_now)


def _tail(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
