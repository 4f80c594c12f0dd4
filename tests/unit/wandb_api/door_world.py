"""A store on SQLite and what resolvers need around it; documents are run without HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.server.keyring import Caller
from controller.server.services import Services
from controller.store import Chunk, ChunkKind, NewRun, Store, open_store
from controller.store.keys import Role
from controller.wandb_api.context import Door
from controller.wandb_api.graphql import execute
from sweeps.protocol.chunks import encode

STARTED = 1_750_000_000.0


class Absent:
    """What these tests do without; a touch is an error."""


@dataclass
class DoorWorld:
    store: Store
    door: Door
    _printed: int = -1

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = execute(query, variables, None, self.door)
        assert "errors" not in answer.body, answer.body["errors"]
        assert answer.status == 200
        data = answer.body["data"]
        assert isinstance(data, dict)
        return data

    def failing(self, query: str, **variables: Any) -> str:
        """The sentence of the first error."""
        error, *_ = execute(query, variables, None, self.door).body["errors"]
        return str(error["message"])

    def record(
        self, run_id: str, project: str = "p", rows: list[Any] | None = None, **given: Any
    ) -> None:
        """A run with rows (step, values), each logged half a second after the other."""
        summary = given.pop("summary", {})
        new = NewRun(run_id, f"uid-{run_id}", project=project, started=STARTED, **given)
        self.store.register_run(new)
        if rows:
            timed = [(step, STARTED + 0.5 * step, values) for step, values in rows]
            steps = [step for step, _ in rows]
            self.store.add_chunk(
                Chunk(
                    *(run_id, 1, ChunkKind.HISTORY, 0, min(steps), max(steps), len(rows)),
                    encode(timed),
                )
            )
        if summary:
            self.store.describe_run(run_id, 1, summary=summary)

    def print(self, run_id: str, text: str) -> None:
        """What a run's first process prints next."""
        self._printed += 1
        chunk = Chunk(run_id, 1, ChunkKind.CONSOLE, self._printed, 0, 0, 1, text.encode())
        assert self.store.add_chunk(chunk)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[DoorWorld]:
    with open_store(f"sqlite:///{folder / 'door.db'}") as store:
        found = Services(
            store=store,
            live=Absent(),  # type: ignore[arg-type]
            loop=Absent(),  # type: ignore[arg-type]
            broker=Absent(),  # type: ignore[arg-type]
            key="k" * 40,
            server_id="server-of-test",
            version="1.2.3",
            owner="ada",
        )
        door = Door(found, Caller("ada", Role.ADMIN), "http://here")
        yield DoorWorld(store, door)
