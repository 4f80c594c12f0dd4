"""What the best trial of a population based training is: the last segment of a training that other
trials began, with other settings. Its own settings, from scratch, are another training.

Neighbours: trials.py (`sweep best`), report.py (how a sweep ends); sweeps/search/pbt.py has whose
segment goes on with whose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from opensweep import _text

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

CHECKPOINT = "_checkpoints/"
"""Where a run's files have its checkpoint folder."""
_TOLD = ("id", "number", "objective", "config")


def is_segment(client: Client, trial: Mapping[str, Any]) -> bool:
    """Whether a trial is of a population based training."""
    if trial.get("parent"):
        return True
    search = client.spec(trial["sweep_id"])["spec"].get("search")
    return isinstance(search, Mapping) and search.get("type") == "pbt"


def lineage(client: Client, trial: Mapping[str, Any]) -> dict[str, Any]:
    """How a segment came about, for JSON.

    Returns {"chain", "checkpoint"}: its training's segments from the first on, the trial itself
    last, each {id, number, objective, config}; and {run, prefix, files, bytes}, the files that it
    left (the first 1000 of them counted).
    """
    chain = [trial]
    while chain[-1].get("parent"):
        chain.append(client.trial(chain[-1]["parent"]))
    files = client.files(trial["id"], prefix=CHECKPOINT)
    return {
        "chain": [{key: each[key] for key in _TOLD} for each in reversed(chain)],
        "checkpoint": {
            "run": trial["id"],
            "prefix": CHECKPOINT,
            "files": len(files),
            "bytes": sum(each["size"] for each in files),
        },
    }


def lineage_lines(found: Mapping[str, Any], metric: str) -> Iterator[str]:
    """`lineage` in words."""
    chain, kept = found["chain"], found["checkpoint"]
    yield (
        f"a segment, the last of {len(chain)} of its training: the settings of each, the first one "
        "first"
    )
    rows = [
        [each["id"], _text.number(each["objective"]), _text.config_line(each["config"])]
        for each in chain
    ]
    table = _text.table(["TRIAL", metric, "CONFIG"], rows, right={metric}, states=set())
    yield from table.splitlines()
    if kept["files"]:
        yield (
            f"its checkpoint: {_text.plural(kept['files'], 'file')} below {CHECKPOINT} among those "
            f'of the run: opensweep.Api().run("{kept["run"]}").files(pattern="{CHECKPOINT}%")'
        )
    else:
        yield "its checkpoint: none on the server (the script left nothing in run.checkpoint_dir)"
    if len(chain) > 1:
        yield "the settings below are of the last segment alone: from scratch they train otherwise"
