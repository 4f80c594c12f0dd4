"""The queue between controller and agents, on RQ: the only controller file that imports it.

A job is the name of an attempt (trial id and token) and nothing else; what it means stands in the
database. RQ only delivers: whether an attempt may run is decided by its claim
(sweeps.protocol.live), and how it ended by the server. So a job that RQ loses or delivers twice
does no harm: the loop queues the attempt again under a new token, and a claim of the old one is
refused.
Must never carry code, configuration or credentials.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from sweeps.protocol import live

_KEEP_S = 60
"""How long RQ may keep what is left of a job that is over, in seconds."""


class TrialQueue:
    """The queues of all sweeps in one Redis; every method raises `redis.exceptions.RedisError`."""

    def __init__(self, connection: redis.Redis) -> None:
        self._connection = connection

    def enqueue(self, sweep_id: str, attempts: Iterable[tuple[str, int]]) -> None:
        """Hands (trial id, token) pairs to whichever slot is free, in this order."""
        queue = self._queue(sweep_id)
        jobs = [
            Queue.prepare_data(
                live.TRIAL_FUNCTION,
                args=[trial_id, token],
                job_id=live.job_id(trial_id, token),
                timeout=-1,
                result_ttl=0,
                failure_ttl=_KEEP_S,
            )
            for trial_id, token in attempts
        ]
        if jobs:
            queue.enqueue_many(jobs)

    def take(self, sweep_id: str) -> tuple[str, int] | None:
        """Takes the next (trial id, token) out, for an agent that cannot itself; None: none waits.

        One that is taken and never claimed is queued again, as any that RQ lost.
        """
        key = self._queue(sweep_id).key
        while True:
            raw: Any = self._connection.lpop(key)
            if raw is None:
                return None
            job = raw.decode(errors="replace")
            self._connection.delete(Job.key_for(job))
            try:
                return live.parse_job_id(job)
            except ValueError:
                continue  # not ours

    def waiting(self, sweep_id: str) -> set[tuple[str, int]]:
        """The attempts that lie in the queue, not yet handed to a slot."""
        waiting = set()
        jobs: Any = self._connection.lrange(self._queue(sweep_id).key, 0, -1)
        for job in jobs:
            try:
                waiting.add(live.parse_job_id(job.decode(errors="replace")))
            except ValueError:
                continue  # not ours; the agents' worker refuses and drops it
        return waiting

    def clean(self, sweep_id: str) -> None:
        """Drops what dead workers left in RQ's registries; our own leases decide about trials."""
        queue = self._queue(sweep_id)
        for registry in (StartedJobRegistry(queue=queue), FailedJobRegistry(queue=queue)):
            registry.cleanup()

    def delete(self, sweep_id: str) -> None:
        """Forgets the queue of a sweep that is over, with the jobs still in it."""
        self._queue(sweep_id).delete(delete_jobs=True)

    def _queue(self, sweep_id: str) -> Queue:
        return Queue(
            live.queue_name(sweep_id), connection=self._connection, serializer=JSONSerializer
        )
