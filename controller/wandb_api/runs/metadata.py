"""What a `wandb` process says of its surroundings, in the names of our own logger. Pure.

It comes as the file wandb-metadata.json, from newer clients also inside the config. The file stays
as it is; the run's metadata get the part that our logger would have put there, so that a list of
runs looks the same whichever of the two recorded them (logging_core/provenance.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from logging_core import masking

FILE = "wandb-metadata.json"

_SAME = {
    "host": str,
    "os": str,
    "executable": str,
    "program": str,
    "cpu_count": int,
    "gpu_count": int,
    "slurm": dict,
    "username": str,
    "docker": str,
}
_GIB = 1 << 30


def our_metadata(said: Mapping[str, Any]) -> dict[str, Any]:
    """The part that is kept with the run; what is missing or of a wrong type is left out."""
    kept: dict[str, Any] = {
        name: said[name] for name, kind in _SAME.items() if _is(said.get(name), kind)
    }
    if _is(said.get("python"), str):
        kept["python"] = said["python"].rpartition(" ")[2]  # newer: "CPython 3.12.1"
    if _is(said.get("args"), list):
        kept["args"] = masking.arguments([str(each) for each in said["args"]])
    cuda = said.get("cudaVersion") or said.get("cuda")
    if _is(cuda, str):
        kept["cuda"] = cuda
    gpu = said.get("gpu") or said.get("gpu_type")
    if _is(gpu, str):
        kept["gpu"] = gpu
    git = said.get("git")
    if isinstance(git, dict):
        kept["git"] = {
            name: masking.text(git[name])
            for name in ("commit", "branch", "remote")
            if _is(git.get(name), str)
        }
    memory = said.get("memory")
    if isinstance(memory, dict) and (total := _bytes(memory.get("total"))):
        kept["memory"] = total
    return kept


def _is(value: Any, kind: type) -> bool:
    """Of that type, and not empty."""
    return isinstance(value, kind) and not isinstance(value, bool) and bool(value)


def _bytes(total: Any) -> int | None:
    """How much memory: newer clients write bytes as text, older ones GiB as a number."""
    if isinstance(total, str):
        return int(total) if total.isascii() and total.isdigit() and len(total) < 20 else None
    if isinstance(total, bool) or not isinstance(total, int | float) or not 0 < total < 1e18:
        return None
    return round(total * _GIB) if total < 1 << 20 else int(total)
