"""A tiny server that speaks the sweep API's JSON, for the tests of the command.

It holds sweeps and trials as plain dicts that a test may change while the command runs. Real
sockets, no database, no Redis: what is tested is the command, through its front door.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
from click.testing import CliRunner, Result

KEY = "test-key"
OVER = ("finished", "stopped", "failed", "canceled")


def trial(sweep_id: str, number: int, **fields: Any) -> dict[str, Any]:
    """A trial's JSON; a finished one unless `fields` say otherwise."""
    made = {
        "id": f"{sweep_id}-{number}",
        "sweep_id": sweep_id,
        "number": number,
        "config": {"lr": 0.1 / number, "optimizer": {"name": "adam"}},
        "state": "finished",
        "objective": 0.9 + number / 100,
        "attempts": 1,
        "reason": "ok",
        "detail": "",
        "summary": {"val/acc": 0.9 + number / 100},
        "steps": 3,
        "created": 1000.0,
        "started": 1000.0 + number,
        "ended": 1010.0 + number,
        "agent_id": "a1",
        "host": "box1",
        "device": "CPU",
    }
    return {**made, **fields}


class World:
    """What the server knows."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] | None = None
        self.away = False  # it answers nothing but that
        self.sweeps: dict[str, dict[str, Any]] = {}
        self.trials: dict[str, list[dict[str, Any]]] = {}
        self.specs: dict[str, dict[str, Any]] = {}
        self.consoles: dict[str, list[str]] = {}
        self.histories: dict[str, list[dict[str, Any]]] = {}
        self.outcomes: dict[str, dict[str, Any]] = {}  # beside the best trial
        self.created: list[dict[str, Any]] = []
        self.orders: list[tuple[str, str]] = []
        self.changed: list[tuple[str, Any]] = []
        self.requests: list[str] = []
        self.delivery: dict[str, Any] = {"addresses": 0, "problem": ""}
        self.unknown: list[dict[str, Any]] = []
        self.role = "admin"
        self.url = ""

    def add(self, sweep_id: str, trials: list[dict[str, Any]] | None = None, **fields: Any) -> None:
        """A sweep that runs, maximizes val/acc and has the given trials."""
        self.trials[sweep_id] = list(trials or ())
        self.specs[sweep_id] = {
            "method": "bayes",
            "metric": {"name": "val/acc", "goal": "maximize"},
            "parameters": {
                "lr": {"min": 0.0001, "max": 0.5, "distribution": "log_uniform_values"},
                "optimizer": {"parameters": {"name": {"values": ["adam", "sgd"]}}},
            },
        }
        made: dict[str, Any] = {
            "id": sweep_id,
            "name": "digits",
            "project": None,
            "state": "running",
            "reason": "",
            "method": "bayes",
            "metric": {"name": "val/acc", "goal": "maximize"},
            "created": 1000.0,
            "started": 1001.0,
            "ended": None,
            "total": None,
            "run_cap": 25,
            "agents": [],
            "eta_s": None,
            "elapsed_s": 61.0,
            "throughput": None,
        }
        self.sweeps[sweep_id] = {**made, **fields}

    def status(self, sweep_id: str) -> dict[str, Any]:
        trials = self.trials[sweep_id]
        counts: dict[str, int] = {}
        for each in trials:
            counts[each["state"]] = counts.get(each["state"], 0) + 1
        return {**self.sweeps[sweep_id], "counts": counts, "best": self.best(sweep_id)}

    def best(self, sweep_id: str) -> dict[str, Any] | None:
        known = [t for t in self.trials[sweep_id] if isinstance(t["objective"], float)]
        return max(known, key=lambda each: each["objective"], default=None)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """(status, JSON) of a request."""
        parts = path.strip("/").split("/")
        match [method, *parts]:
            case ["GET", "api", "wandb", "unknown"]:
                return 200, {"unknown": self.unknown}
            case ["GET", "healthz"]:
                return 200, {"ok": True, "version": "0.1.0", "server_id": "s1"}
            case ["GET", "api", "handshake"]:
                return 200, {
                    "version": "0.1.0",
                    "user": "ann",
                    "role": self.role,
                    "redis_url": None,
                    "server_id": "s1",
                    "idle_s": 60,
                }
            case ["GET", "api", "sweeps"]:
                return 200, {"sweeps": [self.status(id_) for id_ in reversed(self.sweeps)]}
            case ["POST", "api", "sweeps"]:
                self.created.append(body)
                self.add("new00001")
                return 200, {"id": "new00001", "name": "calm-fox", "warnings": ["mind the gap"]}
            case ["GET", "api", "trials", id_]:
                found = [t for trials in self.trials.values() for t in trials if t["id"] == id_]
                return (200, found[0]) if found else self._missing(f"no trial {id_!r}")
            case ["GET", "api", "runs", _]:
                return self._missing("no run of that id")
            case ["GET", "api", "runs", id_, "console"]:
                return 200, self._console(id_, int(query.get("after", 0)))
            case ["GET", "api", "runs", id_, "history"]:
                return 200, {"rows": self._history(id_, query.get("keys"))}
            case ["GET", "api", "runs", id_, "samples"]:
                return 200, {"rows": self._history(id_, query["key"])}
            case ["GET", "api", "server"]:
                return (200, self.figures) if self.figures else self._missing("no figures")
            case ["GET", "api", "alerts"]:
                return 200, {"alerts": [], "delivery": self.delivery}
        sweep_id = parts[2]
        if sweep_id not in self.sweeps:
            return self._missing(f"no sweep {sweep_id!r}")
        match [method, *parts[3:]]:
            case ["GET"]:
                return 200, self.status(sweep_id)
            case ["GET", "best"]:
                return 200, {"trial": self.best(sweep_id), **self.outcomes.get(sweep_id, {})}
            case ["GET", "spec"]:
                spec = self.specs[sweep_id]
                return 200, {"yaml": "", "spec": spec, "seed": 1, "origin": {}}
            case ["PUT", "spec"]:
                return self._update(sweep_id, body)
            case ["GET", "trials"]:
                after, state = int(query.get("after", 0)), query.get("state")
                rows = [
                    t
                    for t in self.trials[sweep_id]
                    if t["number"] > after and state in (None, t["state"])
                ]
                if query.get("order") == "ended":
                    over = [row for row in rows if row["ended"] is not None]
                    rows = sorted(over, key=lambda row: row["ended"], reverse=True)
                return 200, {"trials": rows[: int(query.get("limit", 1 << 30))]}
            case ["POST", action]:
                return self._change(sweep_id, action)
        return self._missing(path)

    def _change(self, sweep_id: str, action: str) -> tuple[int, Any]:
        self.orders.append((sweep_id, action))
        if self.sweeps[sweep_id]["state"] in ("finished", "canceled"):
            message = "a sweep that is over cannot change"
            return 409, {"error": {"kind": "IllegalTransition", "message": message}}
        after = {"pause": "paused", "resume": "running", "stop": "stopping", "cancel": "canceled"}
        self.sweeps[sweep_id]["state"] = after[action]
        return 200, self.status(sweep_id)

    def _update(self, sweep_id: str, body: Any) -> tuple[int, Any]:
        self.changed.append((sweep_id, body))
        state = self.sweeps[sweep_id]["state"]
        if state == "canceled":
            message = f"sweep {sweep_id} is canceled: it takes no trials"
            return 409, {"error": {"kind": "IllegalTransition", "message": message}}
        return 200, {"id": sweep_id, "name": "n", "state": state, "warnings": ["mind the gap"]}

    def _history(self, run: str, keys: str | None) -> list[dict[str, Any]]:
        """As the server does it: of each row the keys asked for, and no row without any."""
        rows = self.histories.get(run, [])
        if keys is None:
            return rows
        wanted = {"_step", "_timestamp", *keys.split(",")}
        cut = [{key: row[key] for key in row if key in wanted} for row in rows]
        return [row for row in cut if row.keys() - {"_step", "_timestamp"}]

    def _console(self, run: str, after: int) -> dict[str, Any]:
        """One part for each answer; over once they are all told and the trial is over."""
        parts = self.consoles.get(run, [])
        text = parts[after] if after < len(parts) else ""
        state = next(t["state"] for ts in self.trials.values() for t in ts if t["id"] == run)
        step = after + 1 if text else after
        return {"text": text, "next": step, "over": state in OVER and step >= len(parts)}

    @staticmethod
    def _missing(message: str) -> tuple[int, Any]:
        return 404, {"error": {"kind": "NotFoundError", "message": message}}


@contextmanager
def serving() -> Iterator[World]:
    """The server, on a port of its own, while the block runs."""
    world = World()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._do(None)

        def do_PUT(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._do(json.loads(data) if data else None)

        def _do(self, body: Any) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            world.requests.append(f"{self.command} {self.path}")
            if url.path != "/healthz" and self.headers.get("Authorization") != f"Bearer {KEY}":
                status, value = 401, {"error": {"kind": "ConfigurationError", "message": "key"}}
            elif world.away:
                message = {"kind": "StoreUnavailable", "message": "the database is away"}
                status, value = 503, {"error": message}
            else:
                status, value = world.answer(self.command, url.path, query, body)
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True  # a client that keeps its connection must not hold up the end

    server = Server(("127.0.0.1", 0), Handler)
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sweep(*args: str, **options: Any) -> Result:
    """`sweep ARGS`, in this process, through its error boundary; output without colours."""
    from opensweep._command import cli

    result = CliRunner().invoke(cli, list(args), prog_name="sweep", **options)
    assert not click.unstyle(result.stderr).count("Traceback"), result.stderr
    return result
