"""The agent's end of the queue: RQ workers whose "horse" is a training process, and the wake call.

One `SlotWorker` per slot, each in a thread of its own. RQ brings the queue's format, the blocking
pop that cannot lose a job, and the bookkeeping that RQ's tools show. Its loop is not used: that
installs signal handlers, forks, runs maintenance that would fail long trials, and ends for good
when Redis is away for a moment.

A queued job is data from outside. It is read as JSON, must name the one allowed function, and
must carry an attempt of the agent's own sweep; fields that could make RQ call or fetch something
(callbacks, webhooks, dependents, repeats) are not even read. No function is ever run: the payload
is a trial id and a token, and whether they mean anything is decided by Lua and by the server.

The only agent file that imports rq or redis; the rest of the agent sees `RedisError`.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import DequeueTimeout, InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker.base import WorkerStatus

from sweeps.protocol.connect import connect
from sweeps.protocol.live import (
    TRIAL_FUNCTION,
    Live,
    job_id,
    queue_name,
    wake_channel,
)

RedisError = redis.exceptions.RedisError

POP_S = 0.25
"""Seconds that one blocking pop lasts; an idle slot notices within them that it must end."""
_ANSWER_S = 5.0
_PAYLOAD_BYTES = 65_536
_RQ_TTL_S = 60

_VANISHED = (InvalidJobOperation, NoSuchJobError)
"""What RQ raises about a job that Redis has forgotten. Its bookkeeping is for RQ's tools: whether
an attempt counts is decided by its lease and by the server."""

_READ_FIELDS = frozenset({"data", "created_at", "enqueued_at", "origin", "status", "worker_name"})


class JobRefused(Exception):
    """A queued job is none that an agent may run; the message says what is wrong with it."""


class TrialJob(Job):
    """An RQ job that can be read and never performed."""

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Reads the few harmless fields; a payload that unpacks to more than 64 KiB is refused."""
        kept = {k: v for k, v in raw_data.items() if _text(k) in _READ_FIELDS}
        if b"data" in kept:
            kept[b"data"] = _unpacked(kept[b"data"])
        super().restore(kept)

    @property
    def func(self) -> Callable[..., Any]:
        raise JobRefused("jobs are never performed here")


def attempt_of(job: Job, sweep_id: str) -> tuple[str, int]:
    """(trial id, token) that `job` asks for. Raises JobRefused unless all of it fits."""
    try:
        function, instance, arguments = job.func_name, job.instance, list(job.args)
        named = dict(job.kwargs)
    except Exception as error:
        raise JobRefused(f"its payload cannot be read ({type(error).__name__})") from error
    if function != TRIAL_FUNCTION or instance is not None:
        raise JobRefused(f"it names the function {str(function)[:80]!r}")
    match arguments:
        case [str(trial_id), int(token)] if not isinstance(token, bool) and not named:
            pass
        case _:
            raise JobRefused("its arguments are not [trial id, token]")
    number = trial_id.removeprefix(f"{sweep_id}-")  # a folder is named for the trial: digits only
    fits = number != trial_id and number.isascii() and number.isdigit()
    if not fits or job.id != job_id(trial_id, token):
        raise JobRefused(f"it asks for {trial_id[:80]!r}, which is not what it is named for")
    return trial_id, token


class Slot(Protocol):
    """What a worker needs of the slot that it works for; all called in the worker's thread."""

    def wants_trial(self) -> bool:
        """Blocks while the slot may not take a trial; False: it never will again."""

    def run_trial(self, trial_id: str, token: int) -> None:
        """Claims and runs one attempt to its recorded end. Must not raise."""

    def job_refused(self, job: str, why: str) -> None:
        """A job in the queue was thrown away."""

    def redis_away(self, error: Exception) -> None:
        """Redis does not answer: says so once, and waits a little before the next try."""

    def redis_back(self) -> None:
        """Redis answers."""


class SlotWorker(Worker):
    """Pops one sweep's jobs and runs each as a training process, by its slot.

    Args:
        broker: whose Redis is used.
        sweep_id: the sweep.
        name: unique among all workers; RQ's tools show it.
        slot: what runs the trials.
    """

    job_class = TrialJob

    def __init__(self, broker: Broker, sweep_id: str, name: str, slot: Slot) -> None:
        self._sweep_id = sweep_id
        self._slot = slot
        self._held: Job | None = None
        self._job: Job | None = None
        self._done: Job | None = None
        self._job_lock = threading.Lock()
        self._born = False
        super().__init__(
            [queue_name(sweep_id)],
            name=name,
            connection=broker.open(),
            job_class=TrialJob,
            serializer=JSONSerializer,
            log_job_description=False,
        )

    # -- what of RQ's worker must not happen in a thread of ours ------------------------------

    def _set_connection(self, connection: redis.Redis) -> redis.Redis:
        return connection  # has its time limits

    def _set_ip_address(self, connection: redis.Redis) -> None:  # noqa: ARG002
        self.ip_address = "unknown"  # CLIENT LIST is for administrators

    def _install_signal_handlers(self) -> None:
        """The agent handles signals."""

    def procline(self, message: str) -> None:
        """The process is the agent's, not one worker's."""

    def get_heartbeat_ttl(self, job: Job) -> int:  # noqa: ARG002
        return _RQ_TTL_S

    # -- the loop -----------------------------------------------------------------------------

    def work(self, *_: Any, **__: Any) -> bool:
        """Runs trials until the slot wants no more. Outlives any outage of Redis."""
        while self._slot.wants_trial():
            try:
                self._be_born()
                self._forget_done()
                job = self._held or self._pop()
                self._slot.redis_back()
                if job is not None:
                    self._held = job
                    self.execute_job(job, self.queues[0])
            except RedisError as error:
                self._slot.redis_away(error)
            except _VANISHED:  # a wiped Redis: the controller queues again what never started
                self._held = self._done = None
        return True

    def close(self) -> None:
        """Says goodbye if Redis listens, and closes the connection."""
        try:
            self._forget_done()
            if self._born:
                self.register_death()  # type: ignore[no-untyped-call]
        except (RedisError, *_VANISHED):
            pass  # its entry expires by itself
        finally:
            self.connection.close()

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Runs the attempt that `job` asks for; the loop forgets the job afterwards."""
        job.origin = queue.name
        self.prepare_execution(job)
        self.prepare_job_execution(job, remove_from_intermediate_queue=True)
        self._held = None
        with self._job_lock:
            self._job = job
        try:
            self._slot.run_trial(*attempt_of(job, self._sweep_id))
        finally:
            with self._job_lock:
                self._job, self._done = None, job

    def keep(self) -> None:
        """Prolongs what RQ keeps of the running job. Called by the agent's beat, any thread."""
        with self._job_lock, suppress(*_VANISHED):
            if self._job is not None:
                self.maintain_heartbeats(self._job)

    def _be_born(self) -> None:
        if not self._born:
            # No other worker has this name: an entry is our own, whose answer was lost.
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]
            self.set_state(WorkerStatus.IDLE)
            self._born = True

    def _pop(self) -> Job | None:
        """The next job, or None after POP_S without one. What is none of ours is thrown away."""
        queue = self.queues[0]
        try:
            # Redis takes fractions of a second; RQ's annotation does not know.
            popped: Any = queue.lmove(self.connection, queue.key, POP_S)  # type: ignore[arg-type]
        except DequeueTimeout:
            return None
        raw: bytes = popped[1]
        try:
            job = TrialJob.fetch(_text(raw), self.connection, serializer=JSONSerializer)
            attempt_of(job, self._sweep_id)
        except RedisError:
            raise
        except Exception as error:  # whatever a crafted job makes RQ or Python raise
            self.connection.lrem(queue.intermediate_queue_key, 1, raw)  # type: ignore[arg-type]
            self.connection.delete(b"rq:job:" + raw)
            self._slot.job_refused(raw.decode(errors="replace")[:80], str(error)[:200])
            return None
        return job

    def _forget_done(self) -> None:
        """Clears the last job away: only now, when the controller already looks for the next."""
        job, execution = self._done, self.execution
        if job is None:
            return
        with self.connection.pipeline() as pipe:
            self.set_current_job_id(None, pipeline=pipe)
            if execution is not None:
                execution.delete(job=job, pipeline=pipe)
            # Not job.delete(): that reads the job first, which a wiped Redis does not have.
            pipe.delete(job.key, job.execution_registry.key)
            self.increment_successful_job_count(pipeline=pipe)
            self.set_state(WorkerStatus.IDLE, pipeline=pipe)
            self.heartbeat(pipeline=pipe)
            pipe.execute()
        self._done = self.execution = None


class Broker:
    """The Redis that the agent works with: checked once, then used by all its threads.

    Args:
        url: its address.
        server_id: the server that must be using it; None: any.

    Raises:
        ConfigurationError, BrokerError: as `sweeps.protocol.connect.connect` says.
    """

    def __init__(self, url: str, *, server_id: str | None = None) -> None:
        self._url = url
        connect(url, server_id=server_id).close()
        self._connection = self.open()
        self.live = Live(self._connection)

    def open(self) -> redis.Redis:
        """A connection that fails soon: the agent's own loops wait and try again."""
        return redis.Redis.from_url(
            self._url,
            socket_connect_timeout=_ANSWER_S,
            socket_timeout=_ANSWER_S,
            retry=Retry(NoBackoff(), 1),
        )

    def close(self) -> None:
        self._connection.close()


class WakeListener(threading.Thread):
    """Sets an event whenever the controller says: look at your orders now.

    A lost call costs little, since the orders are state that the beat reads anyway; after an
    outage the event is set once, for whatever was said meanwhile.
    """

    def __init__(self, broker: Broker, agent_id: str, wake: Callable[[], None]) -> None:
        super().__init__(name="wake", daemon=True)
        self._broker, self._channel, self._wake = broker, wake_channel(agent_id), wake
        self._over = threading.Event()

    def run(self) -> None:
        connection = self._broker.open()
        try:
            while not self._over.is_set():
                try:
                    self._listen(connection)
                except RedisError:
                    self._over.wait(1.0)
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends the thread, at once if Redis is there, else within two seconds."""
        self._over.set()
        with suppress(RedisError):
            self._broker.live.connection.publish(self._channel, "end")
        self.join(timeout=_ANSWER_S)

    def _listen(self, connection: redis.Redis) -> None:
        channel: Any = connection.pubsub(  # type: ignore[no-untyped-call]
            ignore_subscribe_messages=True
        )
        with channel:
            channel.subscribe(self._channel)
            self._wake()
            while not self._over.is_set():
                if channel.get_message(timeout=1.0) is not None:
                    self._wake()


def _unpacked(data: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(data, _PAYLOAD_BYTES)
        if unpacker.unconsumed_tail:
            raise JobRefused("its payload is too large")
    except zlib.error:
        plain = data
    if len(plain) > _PAYLOAD_BYTES:
        raise JobRefused("its payload is too large")
    return plain


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
