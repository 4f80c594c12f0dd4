"""A module `wandb` for scripts and libraries that import it where it is not installed.

On request alone (`--provide-wandb`, `provide_wandb: true`) the agent puts a folder in front of the
script's path that holds `wandb/__init__.py` (package.py here) and the metadata by which libraries
ask for its version. All names are those of `opensweep`; the sub-modules that libraries import are
made on demand (modules.py). What is not there says so by its name: nothing is swallowed.

Nothing of the logger imports this package.
"""

from __future__ import annotations

VERSION = "0.31.0"
"""Of the W&B client whose names these are; libraries compare it."""

METADATA = f"""Metadata-Version: 2.1
Name: wandb
Version: {VERSION}
Summary: opensweep's stand-in for W&B's client
"""


def files() -> dict[str, bytes]:
    """What belongs into the folder in front of a script's path: relative path -> content."""
    from pathlib import Path

    info = f"wandb-{VERSION}.dist-info"
    return {
        "wandb/__init__.py": Path(__file__).with_name("package.py").read_bytes(),
        f"{info}/METADATA": METADATA.encode(),
        f"{info}/INSTALLER": b"opensweep\n",
        f"{info}/RECORD": b"",
        f"{info}/top_level.txt": b"wandb\n",
    }
