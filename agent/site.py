"""What every attempt of one agent works with, and what becomes of one.

Plain values. Neighbours: agent.py makes the Site, attempt.py the End.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.afterwork import Afterwork
from agent.delivery import Receipt
from agent.launch import Program
from agent.listening import Listener
from agent.outbox import Outbox
from agent.provenance import Provenance
from agent.sampler import Sampler
from agent.supervisor import Supervisor
from sweeps.protocol.client import Client
from sweeps.trial import Outcome


@dataclass(frozen=True)
class Site:
    """What all attempts of one agent share.

    Attributes:
        server_id: of the server, whatever its address.
        client, supervisor, outbox, afterwork, listener: where things go.
        sampler, provenance: told which trials run.
        program: how the sweep's command runs here.
        inject: the folders that put the logger into the training environment.
        runs: where run folders are made.
        sweep_id, project, entity: of the sweep.
        metric: name of its objective, None for none.
        maximize: whether more of it is better.
        agent_id, host: who runs it.
        grace_s: between TERM and KILL.
        environ: the agent's environment.
        abandon: set when the agent can wait for the server no longer.
    """

    client: Client
    server_id: str
    supervisor: Supervisor
    outbox: Outbox
    afterwork: Afterwork
    listener: Listener
    sampler: Sampler
    provenance: Provenance
    program: Program
    inject: tuple[Path, ...]
    runs: Path
    sweep_id: str
    project: str | None
    entity: str | None
    metric: str | None
    maximize: bool
    agent_id: str
    host: str
    grace_s: float
    environ: Mapping[str, str]
    abandon: threading.Event


@dataclass(frozen=True)
class End:
    """What became of an attempt.

    Attributes:
        outcome: how it ended; None: fenced before it had an end of its own.
        refused: the server did not let it start.
        objective: what it scores, None without a value.
        seconds: that its process ran; 0 when none did.
        receipt: the server's answer; None: the result waits in the outbox.
        log: the console's file.
    """

    outcome: Outcome | None
    refused: bool = False
    objective: float | None = None
    seconds: float = 0.0
    receipt: Receipt | None = None
    log: str = ""
