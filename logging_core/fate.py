"""What became of a run on its way to the server, as its end tells it.

Words only: follower.py finds it out, run.py shows it.
"""

from __future__ import annotations

from logging_core import terminal
from logging_core.hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Fate(NamedTuple):
    """What is known of a run's way to the server at its end.

    `state`: sent; under way; waited (under way after a wait); away (the server does not answer);
    refused (the id is another run's); failed. `why`: of the last two. `left`: bytes not sent.
    """

    state: str
    why: str = ""
    left: int = 0


def say_fate(run_id: str, path: Path, url: str | None, fate: Fate | None, *, trial: bool) -> None:
    """The last lines of a run; `fate` None: not this process sends it, but an agent."""
    kept = f"run {run_id} is kept in {path}"
    if not url:
        terminal.say(kept if trial else f"{kept}\n`sweep sync {path}` sends it")
    elif fate is None or fate.state == "under way":
        terminal.say(f"{kept}\nand is being sent to {url}")
    elif fate.state == "sent":
        terminal.say(f"{kept}\nand sent to {url}")
    elif fate.state == "waited":
        left = f", {fate.left / 1e6:.1f} MB left" if fate.left >= 50_000 else ""
        terminal.say(f"{kept}\nstill being sent to {url}{left}; it goes on in the background")
    elif fate.state == "away":
        terminal.say(kept)
        terminal.warn(
            "it is not sent: the server does not answer. It is tried for some minutes more in the "
            f"background; `sweep sync {path}` sends it later"
        )
    else:
        terminal.say(kept)
        again = f"`sweep sync {path} --id NEW` sends it under another id"
        how = again if fate.state == "refused" else f"`sweep sync {path}` tries again"
        terminal.warn(f"it is not sent: {fate.why.rstrip('.')}. {how}")
