"""The calls of agents: an attempt starts, this is what it logged, this is how it ended."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from sweeps.errors import NotFoundError
from sweeps.protocol.wire import Wire
from sweeps.trial import Outcome


class AgentCalls(Wire):
    """Attempts and their records, delivered."""

    def start(
        self,
        trial_id: str,
        token: int,
        agent_id: str,
        host: str,
        device: str | None,
        pid: int | None = None,
    ) -> dict[str, Any]:
        """Records that an attempt runs here, before its process starts; safe to repeat.

        Returns {trial: {id, number, config, attempt, resumed, last}, sweep_id, metric}; in
        population based training the trial has `parent` ({id, token} or null) and `keep`, too.
        Fenced: the attempt is not this agent's to run; drop it.
        """
        body = {
            "trial_id": trial_id,
            "token": token,
            "agent_id": agent_id,
            "host": host,
            "device": device,
            "pid": pid,
        }
        return self._object("POST", "/api/agent/start", body=body)

    def post_chunk(
        self,
        run: str,
        writer: int,
        kind: str,
        seq: int,
        first: int,
        last: int,
        rows: int,
        objective: bytes,
        data: bytes,
        lane: str = "",
    ) -> None:
        """Delivers a chunk; once this returns it is committed. Safe to repeat.

        Args:
            run: trial id.
            writer: the attempt's token.
            kind: history, console or system.
            seq: 0, 1, 2, … within (run, writer, kind, lane), one after the other's answer.
            first: step of the first row; console: offset of the first byte in the writer's log.
            last: step of the last row; console: offset just behind the last byte.
            rows: rows (console: lines) in it.
            objective: points as sweeps.protocol.chunks.pack_points makes them; b"" for none.
            data: history, system: as sweeps.protocol.chunks.encode makes it; console: the text's
                bytes, plain or as one zstd frame.
            lane: which of several processes of the attempt recorded it; "" for the only one.
        """
        query = {
            "run": run,
            "writer": writer,
            "kind": kind,
            "seq": seq,
            "first": first,
            "last": last,
            "rows": rows,
            "lane": lane or None,
        }
        body = struct.pack("<I", len(objective)) + objective + data
        self._call("POST", "/api/agent/chunk", query=query, body=body)

    def finish(
        self,
        trial_id: str,
        token: int,
        outcome: Outcome | Mapping[str, Any],
        summary: Mapping[str, Any] | None = None,
        logged_keys: Sequence[str] = (),
        *,
        config: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Records how an attempt ended; safe to repeat. Returns {state, will_retry, objective}.

        `config` is what the script added to its configuration, `metadata` what the run says of
        itself, `seconds` how long it ran.

        Fenced: a newer attempt owns the trial; nothing was recorded and nothing will be.
        """
        body = {
            "trial_id": trial_id,
            "token": token,
            "outcome": outcome.to_json() if isinstance(outcome, Outcome) else dict(outcome),
            "summary": dict(summary) if summary is not None else None,
            "logged_keys": list(logged_keys),
            "config": dict(config) if config else None,
            "metadata": dict(metadata) if metadata else None,
            "seconds": seconds,
        }
        return self._object("POST", "/api/agent/finish", body=body)

    def quarantine(
        self, sweep_id: str, agent_id: str, trial_ids: Sequence[str], why: str
    ) -> list[str] | None:
        """Tells that an agent believes its machine bad: these trials failed on it, one after
        another and each soon. Returns those that were queued again for others; None: the server
        knows nothing that says so, or is of an older version, and they stay failed.

        `why` is for the server's log.
        """
        body = {"sweep_id": sweep_id, "agent_id": agent_id, "trial_ids": list(trial_ids)}
        try:
            answer = self._object("POST", "/api/agent/quarantine", body={**body, "why": why})
        except NotFoundError:
            return None
        again = answer.get("queued")
        return None if again is None else [str(trial_id) for trial_id in again]
