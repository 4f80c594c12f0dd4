"""One peer behind a pipe: `session.py`, a JSON object a line in, one a line out.

    {"do": "start", "module": …, "options": {…}, "space": […], "setting": {…}}  -> {"seconds": s}
    {"do": "ask", "number": n}                             -> {"config": {…}, "seconds": s}
    {"do": "report", "number": n, "epoch": e, "value": v}  -> {"stop": false, "seconds": s}
    {"do": "tell", "number": n, "value": v, "stopped": false, "took": t or null}
                                                           -> {"seconds": s}
    {"do": "learn", "number": n, "config": {…}, "value": v or null} -> {"seconds": s}
    {"do": "best"}                                         -> {"number": n or null, "seconds": s}

`seconds` is the processor time of the call (every peer has one thread), so that a busy machine
changes no figure. Whatever the tool prints goes to
stderr. An error ends the process: its last line on stderr says which.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

# Of this tree, whichever one is installed; but for a tool behind all that it needs: our `sweeps`
# must not stand for W&B's.
if __name__ == "__main__":
    _tree = str(Path(__file__).resolve().parents[3])
    sys.path.insert(0 if sys.argv[1:] == ["ours"] else len(sys.path), _tree)

from benchmarks.search.peers import Peer, Setting
from benchmarks.search.space import from_json


class Session:
    """Answers one message at a time; a new "start" makes a new peer."""

    def __init__(self) -> None:
        self._peer: Peer | None = None

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The reply. Raises whatever the tool raises."""
        if message["do"] == "start":
            make = importlib.import_module(message["module"]).make
            space, setting = from_json(message["space"]), Setting(**message["setting"])
            before = time.process_time()
            self._peer = make(space, setting, **message["options"])
            return {"seconds": time.process_time() - before}
        if self._peer is None:
            raise ValueError(f"not started yet: {message}")
        before = time.process_time()
        reply = self._call(self._peer, message)
        reply["seconds"] = time.process_time() - before
        return reply

    @staticmethod
    def _call(peer: Peer, message: dict[str, Any]) -> dict[str, Any]:
        do = message["do"]
        if do == "ask":
            return {"config": peer.ask(message["number"])}
        if do == "report":
            return {
                "stop": bool(peer.report(message["number"], message["epoch"], message["value"]))
            }
        if do == "tell":
            peer.took = message["took"]
            peer.tell(message["number"], message["value"], stopped=message["stopped"])
            return {}
        if do == "learn":
            peer.learn(message["number"], message["config"], message["value"])
            return {}
        if do == "best":
            return {"number": peer.best()}
        raise ValueError(f"what is {do!r}?")


def main() -> None:
    warnings.filterwarnings("ignore")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the tool prints must not stand between the replies
    session = Session()
    for line in sys.stdin:
        replies.write(json.dumps(session.answer(json.loads(line))) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
