"""An agent as a process of its own, for tests that send it signals or kill it.

argv: server's address, sweep id, settings as JSON. Prints each event's name and trial, then the
summary as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from agent.agent import Agent
from agent.events import Event
from sweeps.protocol.client import Client


def main() -> None:
    url, sweep_id, settings = sys.argv[1:4]

    def show(event: Event) -> None:
        print(type(event).__name__, getattr(event, "trial_id", ""), event, flush=True)

    with Client(url, "key") as client:
        agent = Agent(client, sweep_id, on_event=show, gpus="none", **json.loads(settings))
        summary = agent.run()
    print(json.dumps(dataclasses.asdict(summary)), flush=True)
    sys.exit(summary.exit_code)


main()
