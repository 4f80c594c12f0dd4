"""The controller's loop: reap, tell, decide, ask, enqueue; for each open sweep that it holds.

One thread ticks: at once when something happened (a value or an end came in over HTTP, an agent
rang for a free slot), and each second anyway. Another thread waits at the doorbell in Redis.
The loop decides nothing of its own: what one sweep needs is `driver.py`'s, what is written down is
`record.py`'s. It is crash-only: whatever fails in a sweep's tick (the database is locked, Redis is
away, the lease is lost) throws that sweep's driver away, and the next tick builds it anew from the
database. So no error can leave it half-informed, and it needs no way to repair itself.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from redis.exceptions import RedisError

from controller import record
from controller.driver import Driver
from controller.mind import in_words
from controller.queue import TrialQueue
from controller.store.records import SweepRecord
from controller.store.store import Store
from sweeps.errors import Fenced, IllegalTransition, NotFoundError, StoreUnavailable
from sweeps.protocol.live import (
    LEASE_S,
    WANDB_LEASE_S,
    AgentBeat,
    Expired,
    Live,
    is_wandb_agent,
)
from sweeps.trial import AttemptState, Outcome, Reason, SweepState

log = logging.getLogger(__name__)

TICK_S = 1.0
"""Seconds between two looks when nothing rings: how late an expired lease is seen at most."""
RENEW_S = 5.0
"""Seconds between two renewals of a sweep's lease."""
RECONCILE_S = 5.0
"""Seconds between two comparisons of Redis with the database."""
_AWAY_S = (0.2, 5.0)
"""First and longest pause before Redis is tried again."""
AGAIN_S = (1.0, 30.0)
"""First and longest pause before a search that failed is tried again."""


@dataclass
class _Held:
    """A sweep whose lease is ours. Times by `time.monotonic`."""

    driver: Driver
    renewed: float
    reconciled: float | None = None
    again: float | None = None  # when its search, which failed, is tried again


class Loop:
    """Runs all open sweeps of one store.

    Args:
        server_id: who we are, for the leases of sweeps. The same after a restart, so that a server
            that was killed takes its sweeps back at once; no two running ones may share it.
        lease_s: after so many seconds of silence another controller may take our sweeps.
    """

    def __init__(
        self,
        store: Store,
        live: Live,
        queue: TrialQueue,
        server_id: str,
        *,
        lease_s: float = LEASE_S,
    ) -> None:
        self._store, self._live, self._queue = store, live, queue
        self._owner = server_id
        self._lease_s = lease_s
        self._held: dict[str, _Held] = {}
        self._epoch = ""
        # Sweeps that get no new trials, and what was said of it, so that it is said once; and how
        # long to wait before the next try at the search of some of them.
        self._troubled: dict[str, str] = {}
        self._pauses: dict[str, float] = {}
        self._gap = True  # ends may have been recorded that Redis has not heard of
        self._away: str | None = None  # what is out of reach, so that it is said once
        self._event = threading.Event()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name="loop", daemon=True),
            threading.Thread(target=self._listen, name="doorbell", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends the threads and gives the leases back, so that the next controller need not wait."""
        self._closing.set()
        self._event.set()
        with contextlib.suppress(RedisError):
            self._live.ring()  # or the doorbell's thread would wait its second out
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)
        for sweep_id in list(self._held):
            self._forget(sweep_id)
            try:
                self._store.release_sweep(sweep_id, self._owner)
            except StoreUnavailable as error:
                log.warning("the lease of sweep %s runs out by itself: %s", sweep_id, error)

    def wake(self) -> None:
        """Something was recorded: look now."""
        self._event.set()

    # -- the threads --------------------------------------------------------------------------

    def _listen(self) -> None:
        pause = _AWAY_S[0]
        while not self._closing.is_set():
            try:
                if self._live.wait_for_ring(TICK_S):
                    self._event.set()
                pause = _AWAY_S[0]
            except RedisError:
                self._closing.wait(pause)
                pause = min(2 * pause, _AWAY_S[1])

    def _run(self) -> None:
        pause = _AWAY_S[0]
        while not self._closing.is_set():
            self._event.wait(TICK_S)
            self._event.clear()
            if self._closing.is_set():
                return
            try:
                self.tick()
                self._say_back()
                pause = _AWAY_S[0]
            except (RedisError, StoreUnavailable) as error:
                if not self._mended(error):
                    self._say_away(error)
                self._closing.wait(pause)
                pause = min(2 * pause, _AWAY_S[1])
            except Exception:
                log.exception("a tick failed; the next one starts from the database")
                self._held.clear()

    def _mended(self, error: Exception) -> bool:
        """Whether somebody had overwritten a key that all share in Redis, and it is gone now."""
        if not str(error).startswith("WRONGTYPE"):
            return False
        try:
            mended = self._live.mend()
        except RedisError:
            return False
        if mended:
            log.warning(
                "somebody else wrote into our keys of Redis (%s): they are made anew", error
            )
        return mended

    def _say_away(self, error: Exception) -> None:
        what = "Redis" if isinstance(error, RedisError) else "the database"
        if self._away != what:
            log.warning("%s is out of reach; training goes on, no new trials: %s", what, error)
        self._away = what
        self._gap = True
        self._held.clear()

    def _say_back(self) -> None:
        if self._away is not None:
            log.warning("%s is back", self._away)
            self._away = None

    # -- one tick -----------------------------------------------------------------------------

    def tick(self) -> None:
        """Looks at every open sweep once. RedisError or StoreUnavailable: that one is away."""
        self._check_epoch()
        if self._gap:
            self._let_go()
            self._gap = False
        sweeps = {sweep.id: sweep for sweep in self._store.open_sweeps()}
        agents = self._live.agents()
        for over in (self._held.keys() | {agent.sweep_id for agent in agents}) - sweeps.keys():
            self._retire(over)
        mine = [sweep for sweep in sweeps.values() if self._tries(sweep, self._hold)]
        for expired in self._live.expired():
            self._reap(expired, {sweep.id for sweep in mine})
        for sweep in mine:
            self._tries(sweep, partial(self._tick_sweep, agents=agents))

    def _tries(self, sweep: SweepRecord, work: Callable[[SweepRecord], bool]) -> bool:
        """Does the work on one sweep, which holds up no other; False if that came to nothing."""
        try:
            return work(sweep)
        except (Fenced, IllegalTransition, NotFoundError) as error:
            # Somebody was quicker: a user's order, another controller, an agent's report.
            log.info("sweep %s: begun anew from the database: %s", sweep.id, error)
            self._event.set()
        except Exception as error:
            if _concerns_all(error):
                raise
            self._say_trouble(sweep, f"the server fails over it ({in_words(error)})", error)
        self._forget(sweep.id)
        return False

    def _tick_sweep(self, sweep: SweepRecord, agents: list[AgentBeat]) -> bool:
        held = self._held[sweep.id]
        now = time.monotonic()
        if held.reconciled is None or now - held.reconciled >= RECONCILE_S:
            held.driver.reconcile()
            held.reconciled = now
        held.driver.tick(sweep, sum(agent.free for agent in agents if agent.sweep_id == sweep.id))
        mind = held.driver.mind
        if mind.trouble:
            if held.again is None:
                pause = self._pauses.get(sweep.id, AGAIN_S[0])
                held.again = now + pause
                self._pauses[sweep.id] = min(2 * pause, AGAIN_S[1])
            self._say_trouble(sweep, mind.trouble, mind.error)
        elif mind.proved or sweep.id not in self._pauses:
            self._say_well(sweep)
        return True

    def _say_trouble(self, sweep: SweepRecord, what: str, error: Exception | None) -> None:
        """Where people look, and to its agents: it gets no new trials, and why."""
        if self._troubled.get(sweep.id) != what:
            log.error("sweep %s gets no new trials: %s", sweep.id, what, exc_info=error)
            self._troubled[sweep.id] = what
        if sweep.trouble != what and not sweep.state.over:
            self._store.set_trouble(sweep.id, what)
            self._live.set_sweep_state(sweep.id, sweep.state.value, what)

    def _say_well(self, sweep: SweepRecord) -> None:
        self._pauses.pop(sweep.id, None)
        if self._troubled.pop(sweep.id, None) is not None or sweep.trouble:
            log.info("sweep %s gets trials again", sweep.id)
            self._store.set_trouble(sweep.id, "")
            self._event.set()  # the next tick tells its agents

    def _retire(self, sweep_id: str) -> None:
        """Leaves nothing of a sweep that is over behind, and tells agents that still wait."""
        try:
            self._live.set_sweep_state(sweep_id, self._store.get_sweep(sweep_id).state.value)
        except NotFoundError:
            return  # an agent of another server's sweep, on a Redis that we share
        if sweep_id in self._held:
            for waiting in self._queue.waiting(sweep_id):  # canceled before anybody took them
                self._live.finish(*waiting)
            self._let_go(sweep_id)
            self._queue.delete(sweep_id)
            self._store.release_sweep(sweep_id, self._owner)
            self._forget(sweep_id)

    def _let_go(self, sweep_id: str = "") -> None:
        """Redis forgets attempts of trials that are over, of one sweep or of all: it was away, or
        its server was killed, when their ends were recorded."""
        for trial_id, token in self._live.attempts(sweep_id):
            with contextlib.suppress(NotFoundError):  # another server's, on a Redis that we share
                if self._store.get_trial(trial_id).state.over:
                    self._live.finish(trial_id, token)

    def _hold(self, sweep: SweepRecord) -> bool:
        """Whether the sweep's lease is ours; takes it, and builds its driver, where it is free."""
        now = time.monotonic()
        held = self._held.get(sweep.id)
        handed = None
        if held is not None and not held.driver.fits(sweep):
            # Its file was changed, or a person gave it trials.
            handed = held.driver.handed
            self._pauses.pop(sweep.id, None)
            self._forget(sweep.id)
            held = None
        elif held is not None and held.again is not None and now >= held.again:
            handed = held.driver.handed
            self._forget(sweep.id)
            held = None
        if held is not None and now - held.renewed < RENEW_S:
            return True
        generation = self._store.take_sweep(sweep.id, self._owner, self._lease_s)
        if generation is None:
            self._forget(sweep.id)
            return False
        if held is not None:
            held.renewed = now
            return True
        # Read again: what was recorded before we had the lease must be in the driver.
        driver = Driver(
            self._store,
            self._live,
            self._queue,
            self._store.get_sweep(sweep.id),
            generation=generation,
            epoch=self._epoch,
            handed=handed,
        )
        self._held[sweep.id] = _Held(driver, renewed=now)
        return True

    def _forget(self, sweep_id: str) -> None:
        self._held.pop(sweep_id, None)

    def _check_epoch(self) -> None:
        """A Redis that lost our mark was wiped (or is new): everything open is projected anew."""
        epoch = self._live.epoch()
        if epoch == self._epoch:
            return
        if epoch is None:
            epoch = secrets.token_hex(8)
            self._live.set_epoch(epoch)
        if self._epoch:
            log.warning("Redis has forgotten what was live; projecting it anew from the database")
        self._epoch = epoch
        self._held.clear()

    def _reap(self, expired: Expired, mine: set[str]) -> None:
        """An agent has not renewed in time: its attempt is lost, or was over already.

        Redis lets go first: were we killed between the two, the database still has it open, and it
        is projected again. The other way round, an agent that speaks at this very moment would
        renew for ever what is over.
        """
        sweep_id = expired.trial_id.rpartition("-")[0]
        try:
            trial = self._store.get_trial(expired.trial_id)
        except NotFoundError:
            self._live.finish(expired.trial_id, expired.token)
            return
        if sweep_id not in mine and not trial.state.over:
            return  # another controller's, which will see it too
        if trial.state.over or trial.token != expired.token:
            self._live.finish(expired.trial_id, expired.token)
            return
        where = f" on {trial.host}" if trial.host else ""
        silent_s = WANDB_LEASE_S if is_wandb_agent(expired.agent_id) else self._lease_s
        outcome = Outcome(
            AttemptState.LOST,
            Reason.LEASE_EXPIRED,
            f"its agent{where} has not been heard of for {silent_s:g} s",
        )
        if self._store.get_sweep(sweep_id).state is SweepState.CANCELED:
            outcome = Outcome(AttemptState.CANCELED, Reason.USER, outcome.detail)
        self._live.finish(expired.trial_id, expired.token)
        try:
            ended = record.record_end(self._store, expired.trial_id, expired.token, outcome)
        except Fenced:
            self._event.set()  # its report came in at this moment; the next tick sees it
            return
        log.warning("trial %s: %s; %s", trial.id, outcome.detail, ended.trial.state)
        self._event.set()


def _concerns_all(error: Exception) -> bool:
    """Whether the database or Redis is away, or Redis refuses: not so where a key of one sweep
    holds what we would not write."""
    if isinstance(error, RedisError):
        return not str(error).startswith(("WRONGTYPE", "ERR "))
    return isinstance(error, StoreUnavailable)
