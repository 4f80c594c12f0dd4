"""What every attempt of one agent works with, and what becomes of one.

`prepare` finds all that can be wrong on this machine before a trial is taken, and starts nothing.
Neighbours: agent.py asks for the Site, attempt.py makes the End.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.afterwork import Afterwork
from agent.delivery import Receipt
from agent.devices import Gpu
from agent.inject import inject_folder, wandb_folder
from agent.launch import Program, check_program
from agent.listening import Listener
from agent.outbox import Outbox
from agent.provenance import Provenance
from agent.sampler import Sampler, interval_from
from agent.supervisor import Supervisor
from logging_core.home import keep_out_of_git
from sweeps.errors import ConfigurationError
from sweeps.protocol.client import Client
from sweeps.spec import Goal, SweepSpec
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

    def close(self) -> None:
        """No attempt runs any more, and none will."""
        self.sampler.close()
        self.provenance.close()
        self.supervisor.close()
        self.outbox.close()


def prepare(
    spec: SweepSpec,
    origin: Mapping[str, Any],
    *,
    client: Client,
    server_id: str,
    sweep_id: str,
    agent_id: str,
    host: str,
    home: Path,
    workdir: Path | None,
    environ: Mapping[str, str],
    gpus: Sequence[Gpu],
    provide_wandb: bool,
    grace_s: float,
    listener: Listener,
    abandon: threading.Event,
) -> Site:
    """The Site of an agent that runs trials of this sweep; to be closed.

    Args:
        origin: where the sweep file was, as the server tells.
        home: OPENSWEEP_HOME.
        workdir: where the program is looked for first; None: the current folder.
        gpus: of all slots.
        provide_wandb: also where the sweep file does not ask for it.

    Raises UsageError (the program is not there, or cannot be run) and ConfigurationError (`home`
    cannot be written).
    """
    program = check_program(spec.command, spec.program, origin=origin, environ=environ, cwd=workdir)
    with suppress(OSError):  # inject_folder says what is wrong
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        keep_out_of_git(home)
    inject = [inject_folder(home)]
    if provide_wandb or spec.provide_wandb:
        inject.insert(0, wandb_folder(home))
    try:
        outbox = Outbox(home, agent_id)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {home} cannot be written: {error.strerror}. Set OPENSWEEP_HOME to a folder"
            " with room that you may write to."
        ) from error
    return Site(
        client=client,
        server_id=server_id,
        supervisor=Supervisor(agent_id),
        outbox=outbox,
        afterwork=Afterwork(abandon, listener),
        listener=listener,
        sampler=Sampler(interval_from(environ), gpus, environ),
        provenance=Provenance(program, environ, home),
        program=program,
        inject=tuple(inject),
        runs=home / "runs",
        sweep_id=sweep_id,
        project=spec.project,
        entity=spec.entity,
        metric=spec.metric.name if spec.metric else None,
        maximize=spec.metric is not None and spec.metric.goal is Goal.MAXIMIZE,
        agent_id=agent_id,
        host=host,
        grace_s=grace_s,
        environ=environ,
        abandon=abandon,
    )


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
