"""The calls of people and their programs: sweeps, trials, and what their runs recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import urllib3

from sweeps import errors
from sweeps.protocol.wire import CONNECT_S, Wire, part

ANALYSIS_S = 150.0
"""An analysis may take so long, with those before it."""


class PeopleCalls(Wire):
    """Sweeps and trials, looked at and steered."""

    def healthy(self, *, within_s: float = 2.0) -> dict[str, Any] | None:
        """{ok, version} of a live opensweep server; None when there is none."""
        try:
            answer = self._call("GET", "/healthz", timeout=urllib3.Timeout(total=within_s))
        except errors.OpensweepError:
            return None
        return answer if isinstance(answer, dict) and answer.get("ok") is True else None

    def handshake(self) -> dict[str, Any]:
        """{version, user, role, redis_url, server_id, idle_s}: what an agent needs to take part.

        `redis_url` carries a password: never print it (sweeps.protocol.connect.redact), never put
        it into an argv; None for a key of the role read. `user` and `role` are the key's.
        idle_s: None when the server stays until it is stopped.
        """
        return self._object("GET", "/api/handshake")

    def server(self) -> dict[str, Any]:
        """What the server is, holds and does; see controller/server/server_api.py."""
        return self._object("GET", "/api/server")

    def unknown_operations(self) -> list[dict[str, Any]]:
        """[{operation, field, count}]: what `wandb` clients asked for and the server does not have,
        the most frequent first."""
        listed = self._object("GET", "/api/wandb/unknown")["unknown"]
        return cast("list[dict[str, Any]]", listed)

    def create_sweep(
        self,
        yaml: str,
        path: str | None = None,
        cwd: str | None = None,
        host: str | None = None,
        *,
        imported_from: str | None = None,
        prior: Sequence[str] = (),
        project: str | None = None,
        tables: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Records a sweep. Returns {id, name, warnings, notes}. SpecError names file, line and key.

        The one call that is not safe to repeat after a ServerUnreachable: it may have arrived.

        Args:
            imported_from: its address on the server that it was on before; it needs no program.
            prior: ids of runs whose results its search is to begin with.
            project: instead of what the file says.
            tables: texts of the CSV files that the file names under `prior`, by those names.
        """
        body: dict[str, Any] = {"yaml": yaml, "path": path, "cwd": cwd, "host": host}
        if imported_from is not None:
            body["imported_from"] = imported_from
        if project is not None:
            body["project"] = project
        if prior:
            body["prior"] = list(prior)
        if tables:
            body["tables"] = dict(tables)
        return self._object("POST", "/api/sweeps", body=body)

    def sweeps(self) -> list[dict[str, Any]]:
        """The status of every sweep, the newest first."""
        return cast("list[dict[str, Any]]", self._object("GET", "/api/sweeps")["sweeps"])

    def sweep(self, sweep_id: str) -> dict[str, Any]:
        """The status of one sweep."""
        return self._object("GET", f"/api/sweeps/{part(sweep_id)}")

    def change(self, sweep_id: str, action: str) -> dict[str, Any]:
        """pause, resume, stop or cancel. Returns the status after it."""
        return self._object("POST", f"/api/sweeps/{part(sweep_id)}/{part(action)}")

    def update_sweep(
        self,
        sweep_id: str,
        yaml: str,
        path: str | None = None,
        *,
        tables: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Gives a sweep another file. Returns {id, name, warnings, notes, state}. SpecError as in
        `create_sweep`; IllegalTransition when the sweep takes no trials any more."""
        body: dict[str, Any] = {"yaml": yaml, "path": path}
        if tables:
            body["tables"] = dict(tables)
        return self._object("PUT", f"/api/sweeps/{part(sweep_id)}/spec", body=body)

    def change_run_cap(self, sweep_id: str, run_cap: int | None) -> dict[str, Any]:
        """Changes that alone in a sweep's file; the status after it. Errors as `update_sweep`."""
        body = {"run_cap": run_cap}
        return self._object("PUT", f"/api/sweeps/{part(sweep_id)}/run_cap", body=body)

    def enqueue(
        self, sweep_id: str, configs: Sequence[Mapping[str, Any]], *, key: str
    ) -> list[dict[str, Any]]:
        """Configurations to be tried next, full or partial: the trials made of them. With the same
        `key` none is added twice. SpecError where one is outside the space."""
        body = {"configs": list(configs), "key": key}
        answer = self._object("POST", f"/api/sweeps/{part(sweep_id)}/enqueue", body=body)
        return cast("list[dict[str, Any]]", answer["trials"])

    def retry(self, sweep_id: str, trials: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Failed trials of a sweep are queued again, those named or all; which it were."""
        body: dict[str, Any] = {} if trials is None else {"trials": list(trials)}
        answer = self._object("POST", f"/api/sweeps/{part(sweep_id)}/retry", body=body)
        return cast("list[dict[str, Any]]", answer["trials"])

    def stop_trial(self, trial_id: str) -> dict[str, Any]:
        """One trial is to end; it, as it is now. Fenced when it is over."""
        return self._object("POST", f"/api/trials/{part(trial_id)}/stop", body={})

    def trials(
        self,
        sweep_id: str,
        *,
        after: int = 0,
        limit: int | None = None,
        state: str | None = None,
        order: str | None = None,
    ) -> list[dict[str, Any]]:
        """Trials with a number above `after`, at most `limit`, of one state or all: by number, or,
        with order "ended", those that are over, the latest first."""
        query = {"after": after, "limit": limit, "state": state, "order": order}
        answer = self._object("GET", f"/api/sweeps/{part(sweep_id)}/trials", query=query)
        return cast("list[dict[str, Any]]", answer["trials"])

    def best(self, sweep_id: str) -> dict[str, Any] | None:
        """The best trial so far by the sweep's metric; None when no trial has an objective."""
        return cast("dict[str, Any] | None", self.outcome(sweep_id)["trial"])

    def outcome(self, sweep_id: str) -> dict[str, Any]:
        """{"trial"}: as `best`; where the sweep has `metrics`, also "keeps_limits" and "front", the
        trials that no other one beats in every objective."""
        return self._object("GET", f"/api/sweeps/{part(sweep_id)}/best")

    def importance(self, sweep_id: str, of: str = "value") -> dict[str, Any]:
        """What trials say of the parameters (controller/server/analysis_api.py); may take a minute.

        of: "value", or "rank" of the objective.
        """
        path = f"/api/sweeps/{part(sweep_id)}/importance"
        timeout = urllib3.Timeout(connect=CONNECT_S, read=ANALYSIS_S)
        answer = self._call("GET", path, query={"of": of}, timeout=timeout)
        return cast("dict[str, Any]", answer)

    def advice(self, sweep_id: str, trials: int = 10) -> dict[str, Any]:
        """The best under noise, where to look next, and what so many more trials would bring
        (controller/server/analysis_api.py); 0: the best alone. May take a minute."""
        path = f"/api/sweeps/{part(sweep_id)}/advice"
        timeout = urllib3.Timeout(connect=CONNECT_S, read=ANALYSIS_S)
        answer = self._call("GET", path, query={"trials": trials}, timeout=timeout)
        return cast("dict[str, Any]", answer)

    def spec(self, sweep_id: str) -> dict[str, Any]:
        """{yaml, spec, seed, origin}: the sweep file as it was given, and where it came from."""
        return self._object("GET", f"/api/sweeps/{part(sweep_id)}/spec")

    def trial(self, trial_id: str) -> dict[str, Any]:
        """One trial, with `attempts_list` (one entry an attempt) and `summary`."""
        return self._object("GET", f"/api/trials/{part(trial_id)}")

    def console(self, run: str, after: int = 0, lane: str = "") -> dict[str, Any]:
        """{text, next, over, lanes}: what a run printed from byte `after` on.

        Of several processes each has a lane, the first one ""; `lanes` are the others. Ask again
        from `next`; `over` says that nothing more will come. One answer carries about 1 MiB at
        most; a character is never cut in two.
        """
        return self._object(
            "GET",
            f"/api/runs/{part(run)}/console",
            query={"after": after, **({"lane": lane} if lane else {})},
        )
