"""The tools that benchmarks/logging.py compares, each behind the same few calls.

Runs in the environment of the tool that is measured: standard library only here, and a tool is
imported by none but itself. Every tool is used as its documentation shows first, without a
server and without what would be shown while training. Neighbours: one_tracker.py measures,
logging.py starts it and makes the environments.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Log = Callable[..., Any]
Row = dict[str, float]


class Tracker:
    """One tool.

    Attributes:
        package: its name on PyPI; "" for what needs nothing.
        statement: how a script imports it.
        takes_step: its log wants (row, step); else (row) alone.
    """

    package = ""
    takes_step = False

    @property
    def statement(self) -> str:
        return f"import {self.package.replace('-', '_')}"

    def begin(self, folder: Path) -> Log:
        """Opens a run that keeps all of its files in `folder`, which is the home and the working
        directory too; returns its log()."""
        raise NotImplementedError

    def finish(self) -> None:
        """All is on disk when it returns."""

    def recovered(self, folder: Path) -> int:
        """How many rows with the metric "m0" are found in `folder`, by whatever reads it."""
        raise NotImplementedError


class OpenSweep(Tracker):
    statement = "import opensweep; opensweep.init"  # what stands behind it is loaded late

    def begin(self, folder: Path) -> Log:
        import opensweep

        os.environ["OPENSWEEP_DIR"] = str(folder)
        self.run = opensweep.init(settings={"silent": True, "console": "off"})
        return self.run.log

    def finish(self) -> None:
        self.run.finish()

    def recovered(self, folder: Path) -> int:
        from logging_core.records import History, Reader

        (path,) = folder.glob("*/records.1.bin")
        return sum(isinstance(record, History) for record in Reader(path).read(final=True))


class JsonLines(Tracker):
    """What a script does that wants no tool."""

    statement = "import json, time"
    flushed = False

    takes_step = True

    def begin(self, folder: Path) -> Log:
        from json import dumps
        from time import time

        self.file = open(folder / "log.jsonl", "w", encoding="utf-8")  # noqa: SIM115
        write, flush = self.file.write, self.file.flush if self.flushed else None

        def log(row: Row, step: int) -> None:
            write(dumps({"step": step, "time": time(), **row}) + "\n")
            if flush is not None:
                flush()

        return log

    def finish(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()

    def recovered(self, folder: Path) -> int:
        return sum(line.endswith("}\n") for line in open(folder / "log.jsonl", encoding="utf-8"))


class JsonLinesFlushed(JsonLines):
    flushed = True


class Wandb(Tracker):
    package = "wandb"

    def begin(self, folder: Path) -> Log:
        import wandb

        self.run = wandb.init(
            project="p", dir=str(folder), mode="offline", settings={"silent": True}
        )
        return self.run.log

    def finish(self) -> None:
        self.run.finish()

    def recovered(self, folder: Path) -> int:
        from opensweep.importing import wandb_file  # its own reader is no more part of it

        (run,) = wandb_file.find(folder)
        return sum("m0" in getattr(item, "row", {}) for item in run.items())


class Trackio(Tracker):
    package = "trackio"

    def begin(self, _folder: Path) -> Log:
        import trackio

        self.module = trackio
        trackio.init(project="p", name="run", embed=False)
        return trackio.log

    def finish(self) -> None:
        self.module.finish()

    def recovered(self, folder: Path) -> int:
        return _count(folder, "select count(*) from metrics")


class Mlflow(Tracker):
    """With SQLite, as its documentation recommends without a server."""

    package = "mlflow"
    takes_step = True
    asynchronous = False

    def begin(self, folder: Path) -> Log:
        import mlflow

        self.module = mlflow
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.config.enable_async_logging(self.asynchronous)
        mlflow.start_run()
        return mlflow.log_metrics

    def finish(self) -> None:
        if self.asynchronous:
            self.module.flush_async_logging()
        self.module.end_run()

    def recovered(self, folder: Path) -> int:
        return _count(folder, "select count(*) from metrics where key = 'm0'")


class MlflowAsync(Mlflow):
    asynchronous = True


class Aim(Tracker):
    package = "aim"
    takes_step = True

    def begin(self, folder: Path) -> Log:
        import aim

        self.run = aim.Run(repo=str(folder), system_tracking_interval=None)
        track = self.run.track
        return lambda row, step: track(row, step=step)

    def finish(self) -> None:
        self.run.close()

    def recovered(self, folder: Path) -> int:
        import aim

        (name,) = aim.Repo(str(folder)).list_all_runs()
        run = aim.Run(name, repo=str(folder), system_tracking_interval=None)
        return sum(len(m.values.sparse_list()[0]) for m in run.metrics() if m.name == "m0")


class TensorboardX(Tracker):
    package = "tensorboardX"
    takes_step = True

    def begin(self, folder: Path) -> Log:
        from tensorboardX import SummaryWriter

        self.writer = SummaryWriter(str(folder))
        add = self.writer.add_scalar

        def log(row: Row, step: int) -> None:
            for name, value in row.items():
                add(name, value, step)

        return log

    def finish(self) -> None:
        self.writer.close()

    def recovered(self, folder: Path) -> int:
        (path,) = folder.glob("events.*")
        return sum(b"m0" in record for record in _tensorboard_records(path.read_bytes()))


class Swanlab(Tracker):
    package = "swanlab"

    def begin(self, folder: Path) -> Log:
        import swanlab

        self.module = swanlab
        swanlab.init(project="p", mode="offline", logdir=str(folder))
        return swanlab.log

    def finish(self) -> None:
        self.module.finish()

    def recovered(self, folder: Path) -> int:
        (path,) = folder.glob("run-*/*.swanlab")
        return path.read_bytes().count(b"\n\x02m0")  # a field of its record


class Goodseed(Tracker):
    package = "goodseed"
    takes_step = True

    def begin(self, _folder: Path) -> Log:
        import goodseed

        self.run = goodseed.Run(project="p", storage="local")
        return self.run.log_metrics

    def finish(self) -> None:
        self.run.close()

    def recovered(self, folder: Path) -> int:
        points = "metric_points join metric_series on id = series_id"
        return _count(folder, f"select count(*) from {points} where path = 'm0'")


class NeptuneScale(Tracker):
    package = "neptune-scale"
    takes_step = True

    def begin(self, folder: Path) -> Log:
        import neptune_scale

        self.run = neptune_scale.Run(
            run_id="run", project="w/p", mode="offline", log_directory=str(folder)
        )
        log = self.run.log_metrics
        return lambda row, step: log(row, step=step)

    def finish(self) -> None:
        self.run.close()

    def recovered(self, folder: Path) -> int:
        return _count(folder, "select count(*) from run_operations where instr(operation, x'6d30')")


class Comet(Tracker):
    package = "comet_ml"
    takes_step = True

    def begin(self, folder: Path) -> Log:
        import comet_ml

        self.experiment = comet_ml.OfflineExperiment(offline_directory=str(folder))
        log = self.experiment.log_metrics
        return lambda row, step: log(row, step=step)

    def finish(self) -> None:
        self.experiment.end()

    def recovered(self, folder: Path) -> int:
        (path,) = folder.glob("tmp*/messages.json")
        return path.read_text("utf-8").count('"m0"')


class Clearml(Tracker):
    package = "clearml"
    takes_step = True

    def begin(self, _folder: Path) -> Log:
        import clearml

        clearml.Task.set_offline(offline_mode=True)
        self.task = clearml.Task.init("p", "t", auto_connect_frameworks=False)
        report = self.task.get_logger().report_scalar

        def log(row: Row, step: int) -> None:
            for name, value in row.items():
                report(name, name, value, step)

        return log

    def finish(self) -> None:
        self.task.close()

    def recovered(self, folder: Path) -> int:
        found = folder.glob(".clearml/cache/offline/*/metrics.jsonl")
        return sum(path.read_text("utf-8").count('"metric": "m0"') for path in found)


class Dvclive(Tracker):
    package = "dvclive"

    def begin(self, folder: Path) -> Log:
        from dvclive import Live

        self.live = live = Live(str(folder / "live"), save_dvc_exp=False, report=None)

        def log(row: Row) -> None:
            for name, value in row.items():
                live.log_metric(name, value)
            live.next_step()

        return log

    def finish(self) -> None:
        self.live.end()

    def recovered(self, folder: Path) -> int:
        (path,) = folder.glob("live/plots/metrics/m0.tsv")
        return len(path.read_text("utf-8").splitlines()) - 1


HERE: dict[str, type[Tracker]] = {
    "opensweep": OpenSweep,
    "JSON lines": JsonLines,
    "JSON lines, flushed": JsonLinesFlushed,
}
PEERS: dict[str, type[Tracker]] = {
    "wandb offline": Wandb,
    "trackio": Trackio,
    "mlflow": Mlflow,
    "mlflow, asynchronous": MlflowAsync,
    "aim": Aim,
    "tensorboardX": TensorboardX,
    "swanlab offline": Swanlab,
    "goodseed": Goodseed,
    "neptune-scale offline": NeptuneScale,
    "comet offline": Comet,
    "clearml offline": Clearml,
    "dvclive": Dvclive,
}


def _count(folder: Path, query: str) -> int:
    """From the SQLite databases in a folder that have the table."""
    total = 0
    for path in [
        path for kind in ("db", "sqlite", "sqlite3") for path in folder.rglob(f"*.{kind}")
    ]:
        with sqlite3.connect(path) as connection:
            total += connection.execute(query).fetchone()[0]
    return total


def _tensorboard_records(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        if at + 16 + length > len(data):
            return
        yield data[at + 12 : at + 12 + length]
        at += 16 + length
