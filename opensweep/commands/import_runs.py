"""`sweep import`: runs of W&B, TensorBoard and MLflow, from their own files.

Each becomes a run folder (opensweep/importing), which is then sent as `sweep sync` sends any.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opensweep import _text
from opensweep.commands import connection, options
from sweeps.errors import ImportFailed, UsageError

if TYPE_CHECKING:
    from opensweep.importing.found import FoundRun

KINDS = ("wandb", "tensorboard", "mlflow")
_LOOKED_FOR = {
    "wandb": "a file run-ID.wandb, as offline and synced runs have it (./wandb)",
    "tensorboard": "a file of the name …tfevents…",
    "mlflow": "an mlruns folder or a file mlflow.db",
}


@click.command(
    "import",
    epilog="\b\nExample:\n"
    "  sweep import wandb ./wandb\n"
    "  sweep import tensorboard ./lightning_logs --project digits\n"
    "  sweep import mlflow ./mlruns",
)
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS))
@click.argument(
    "paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--project", metavar="NAME", help="Put them into this project.")
@options.json_option("what became of each run")
def import_(kind: str, paths: tuple[Path, ...], project: str | None, as_json: bool) -> None:
    """Bring runs of wandb, tensorboard or mlflow here.

    KIND is one of the three; PATH a file or folder of it, or a folder above. History, config,
    summary, console, system metrics and local files come along. Importing again brings only what
    has changed. The run folders stay in the home folder, below imports/.
    """
    from opensweep.commands.sync import send
    from opensweep.settings import Settings

    found = [run for path in paths for run in _find(kind, path)]
    base = Settings.from_env().home / "imports" / kind
    with connection.server() as client:
        folders = _write(found, base, project)
        send(client, folders, as_json=as_json)


def _find(kind: str, path: Path) -> list[FoundRun]:
    if not path.exists():
        raise UsageError(f"there is no {path}")
    runs = _reader(kind)(path)
    if not runs:
        raise UsageError(f"{path} has no run of {kind}: looked for {_LOOKED_FOR[kind]}")
    return runs


def _reader(kind: str) -> Callable[[Path], list[FoundRun]]:
    if kind == "wandb":
        from opensweep.importing.wandb_file import find
    elif kind == "tensorboard":
        from opensweep.importing.tensorboard import find
    else:
        from opensweep.importing.mlflow import find
    return find


def _teller(run: FoundRun) -> Callable[[str], None]:
    return lambda sentence: connection.say(f"{run.name or run.id}: {sentence}")


def _write(found: list[FoundRun], base: Path, project: str | None) -> list[Path]:
    from opensweep.importing.folder import write_folder

    base.mkdir(parents=True, exist_ok=True)
    folders, failed = [], 0
    for run in found:
        try:
            folders.append(write_folder(run, base, project=project, tell=_teller(run)))
        except (ImportFailed, OSError) as error:
            failed += 1
            connection.say(f"{run.source}: {error}")
    if failed and not folders:
        raise ImportFailed(f"none of {_text.plural(failed, 'run')} could be read, see above")
    return folders
