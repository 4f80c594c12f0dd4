"""Files that W&B, TensorBoard and MLflow wrote (tests/data/foreign/make.py) become run folders."""

from __future__ import annotations

import math
import shutil
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from logging_core.folder import RunFolder
from logging_core.records import (
    AlertRaised,
    ConfigUpdate,
    FileSaved,
    Finished,
    History,
    MetadataUpdate,
    MetricDefined,
    Reader,
    Record,
)
from logging_core.summary import SummaryFold
from opensweep.importing import mlflow, tensorboard, wandb_file
from opensweep.importing.folder import write_folder
from opensweep.importing.found import FoundRun
from sweeps.errors import ImportFailed

FOREIGN = Path(__file__).resolve().parents[1] / "data" / "foreign"
WANDB = FOREIGN / "wandb" / "run-abcd1234.wandb"


def records(folder: Path, kind: str = "records") -> list[Record]:
    return Reader(folder / f"{kind}.1.bin").read(final=True)


def rows(folder: Path, kind: str = "records") -> list[tuple[int, dict[str, Any]]]:
    return [(each.step, each.row) for each in records(folder, kind) if isinstance(each, History)]


def config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in records(folder):
        if isinstance(record, ConfigUpdate):
            found.update(record.values)
    return found


def said(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in records(folder):
        if isinstance(record, MetadataUpdate):
            found.update(record.values)
    return found


def only(found: list[FoundRun]) -> FoundRun:
    (run,) = found
    return run


def message(field: int, content: bytes) -> bytes:
    """One field of a protocol buffer, of less than 128 bytes."""
    return bytes([field << 3 | 2, len(content)]) + content


def framed(record: bytes) -> bytes:
    """A whole record as a .wandb file has it, the checksum left at 0."""
    return struct.pack("<IHB", 0, len(record), 1) + record


class TestWandb:
    def test_a_run_comes_over_whole(self, tmp_path: Path) -> None:
        folder = write_folder(only(wandb_file.find(WANDB)), tmp_path)
        found = rows(folder)
        assert [step for step, _ in found] == [0, 1, 2, 3, 4, 9]
        assert [row["loss"] for _, row in found[:5]] == [1 / (i + 1) for i in range(5)]
        assert found[1][1]["nested"] == {"a": 1, "b": "text"}
        assert math.isnan(found[2][1]["val/acc"])
        assert found[5][1]["h"]["_type"] == "histogram"
        assert config(folder) == {
            "lr": 0.1,
            "model": {"depth": 3},
            "long": "x" * 70_000,  # over three of the file's blocks
            "added": 1,
        }
        about = said(folder)
        assert (about["project"], about["name"], about["group"]) == ("digits", "crimson-1", "g")
        assert (about["tags"], about["notes"], about["job_type"]) == (["a", "b"], "a note", "train")
        assert (folder / "console.1.log").read_text() == "hello from the script\n"
        alerts = [each for each in records(folder) if isinstance(each, AlertRaised)]
        assert [(each.level, each.title, each.wait_s) for each in alerts] == [("WARN", "title", 60)]
        assert [r.exit_code for r in records(folder) if isinstance(r, Finished)] == [3]

    def test_its_summary_is_the_one_that_wandb_computes(self, tmp_path: Path) -> None:
        folder = write_folder(only(wandb_file.find(WANDB)), tmp_path)
        fold = SummaryFold()
        for record in records(folder):
            fold.apply(record)
        assert fold.summary["loss"] == 0.2
        assert fold.summary["best"] == 0.5
        assert fold.summary["val/acc"] == {"min": 0}
        (defined,) = [each for each in records(folder) if isinstance(each, MetricDefined)]
        assert (defined.name, defined.step_metric) == ("val/*", "epoch")

    def test_system_metrics_have_wandbs_names(self, tmp_path: Path) -> None:
        folder = write_folder(only(wandb_file.find(WANDB)), tmp_path)
        found = rows(folder, "system")
        assert found[0][0] == 0
        assert "system.memory_percent" in found[0][1]

    def test_its_folders_are_found_once_however_they_are_named(self, tmp_path: Path) -> None:
        run = tmp_path / "wandb" / "offline-run-20260101_000000-abcd1234"
        (run / "files" / "media").mkdir(parents=True)
        shutil.copy(WANDB, run)
        (run / "files" / "media" / "a.png").write_bytes(b"png")
        (run / "files" / "output.log").write_text("printed")
        (tmp_path / "wandb" / "latest-run").symlink_to(run)
        found = only(wandb_file.find(tmp_path))
        folder = write_folder(found, tmp_path / "out")
        assert [r.path for r in records(folder) if isinstance(r, FileSaved)] == ["media/a.png"]
        assert (folder / "files" / "media" / "a.png").read_bytes() == b"png"

    def test_what_wandb_save_linked_comes_along_and_what_is_gone_is_said(
        self, tmp_path: Path
    ) -> None:
        run = tmp_path / "offline-run-20260101_000000-abcd1234"
        (run / "files" / "sub").mkdir(parents=True)
        shutil.copy(WANDB, run)
        (tmp_path / "model.pt").write_bytes(b"weights")
        (run / "files" / "sub" / "model.pt").symlink_to(tmp_path / "model.pt")
        (run / "files" / "gone.pt").symlink_to(tmp_path / "gone.pt")
        told: list[str] = []
        folder = write_folder(only(wandb_file.find(run)), tmp_path / "out", tell=told.append)
        assert [r.path for r in records(folder) if isinstance(r, FileSaved)] == ["sub/model.pt"]
        kept = folder / "files" / "sub" / "model.pt"
        assert kept.read_bytes() == b"weights"
        assert not kept.is_symlink()
        assert told == ["saved files that are no longer where the script had them: gone.pt"]

    def test_artifacts_are_counted_and_said_but_not_wandbs_own(self, tmp_path: Path) -> None:
        file = tmp_path / "run-art12345.wandb"
        artifacts = [message(8, message(4, kind)) for kind in (b"dataset", b"run_table", b"model")]
        file.write_bytes(wandb_file.MAGIC + b"".join(map(framed, artifacts)))
        told: list[str] = []
        write_folder(only(wandb_file.find(file)), tmp_path / "out", tell=told.append)
        assert told == ["2 artifacts are not brought over: log what is still needed anew"]

    def test_another_spelling_of_the_path_is_the_same_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "w").mkdir()
        (tmp_path / "x").mkdir()
        shutil.copy(WANDB, tmp_path / "w")
        (tmp_path / "link").symlink_to(tmp_path / "w")
        first = write_folder(only(wandb_file.find(tmp_path / "w")), tmp_path / "out")
        monkeypatch.chdir(tmp_path / "x")
        for other in (Path("../w"), tmp_path / "link" / WANDB.name):
            assert write_folder(only(wandb_file.find(other)), tmp_path / "out") == first

    @pytest.mark.parametrize("cut", [40, 400, 33_000, 70_000])
    def test_a_run_that_was_killed_is_taken_as_far_as_it_goes(
        self, tmp_path: Path, cut: int
    ) -> None:
        torn = tmp_path / "run-abcd1234.wandb"
        torn.write_bytes(WANDB.read_bytes()[:-cut])
        folder = write_folder(only(wandb_file.find(torn)), tmp_path / "out")
        whole = rows(write_folder(only(wandb_file.find(WANDB)), tmp_path / "whole"))
        found = rows(folder)
        assert repr(found) == repr(whole[: len(found)])
        assert not any(isinstance(each, Finished) for each in records(folder))

    def test_every_flipped_byte_gives_a_run_or_a_clear_error(self, tmp_path: Path) -> None:
        data = bytearray(WANDB.read_bytes())
        file = tmp_path / "run-abcd1234.wandb"
        for at in [*range(0, 120), *range(70_500, len(data), 37)]:
            data[at] ^= 0xFF
            file.write_bytes(data)
            data[at] ^= 0xFF
            with suppress(ImportFailed):
                write_folder(only(wandb_file.find(file)), tmp_path / "out")

    def test_a_foreign_file_is_refused_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "run-x.wandb").write_bytes(b"something else")
        with pytest.raises(ImportFailed, match=r"run-x\.wandb is no run file"):
            wandb_file.find(tmp_path)


class TestTensorBoard:
    def test_each_folder_is_a_run_named_by_its_path(self) -> None:
        found = tensorboard.find(FOREIGN / "tensorboard")
        assert sorted(run.name for run in found) == ["tf2", "version_0", "version_0/tuned"]
        assert {run.project for run in found} == {"tensorboard"}
        assert [run.id for run in found] == [
            run.id for run in tensorboard.find(FOREIGN / "tensorboard")
        ]

    def run(self, name: str) -> FoundRun:
        return only([r for r in tensorboard.find(FOREIGN / "tensorboard") if r.name == name])

    def test_values_of_one_step_are_one_row(self, tmp_path: Path) -> None:
        found = dict(rows(write_folder(self.run("version_0"), tmp_path)))
        assert [found[step].get("val") for step in sorted(found)] == [0, None, 10, None, 20, 30]
        assert [found[step]["train/loss"] for step in range(4)] == [
            1.0,
            0.5,
            pytest.approx(1 / 3),
            0.25,
        ]
        assert found[1]["note/text_summary"] == "some words"

    def test_histograms_and_images_take_wandbs_form(self, tmp_path: Path) -> None:
        folder = write_folder(self.run("version_0"), tmp_path)
        found = dict(rows(folder))
        histogram = found[2]["weights"]
        assert sum(histogram["values"]) == 10
        assert len(histogram["bins"]) == len(histogram["values"]) + 1
        assert (histogram["bins"][0], histogram["bins"][-1]) == (0, 9)
        picture = found[3]["picture"]
        assert (folder / "files" / picture["path"]).read_bytes().startswith(b"\x89PNG")

    def test_scalars_as_tensorflow_2_writes_them(self, tmp_path: Path) -> None:
        found = rows(write_folder(self.run("tf2"), tmp_path))
        assert found == [(step, {"epoch_loss": 0.5**step}) for step in range(3)]

    def test_hyperparameters_are_the_config(self, tmp_path: Path) -> None:
        folder = write_folder(self.run("version_0/tuned"), tmp_path)
        assert config(folder) == {"lr": 0.1, "layers": 3, "name": "net", "bias": True}

    def test_a_torn_file_is_taken_as_far_as_it_goes(self, tmp_path: Path) -> None:
        (whole,) = (FOREIGN / "tensorboard" / "tf2").iterdir()
        (tmp_path / whole.name).write_bytes(whole.read_bytes()[:-10])
        found = rows(write_folder(only(tensorboard.find(tmp_path)), tmp_path / "out"))
        assert [step for step, _ in found] == [0, 1]

    def test_what_is_no_event_file_is_refused_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "events.out.tfevents.1000000000.x").write_bytes(b"x" * 100)
        with pytest.raises(ImportFailed, match="is no event file"):
            write_folder(only(tensorboard.find(tmp_path)), tmp_path / "out")


class TestMlflow:
    @pytest.mark.parametrize("place", ["mlflow/mlruns", "mlflow/mlflow.db"])
    def test_both_of_its_stores_say_the_same(self, tmp_path: Path, place: str) -> None:
        found = only(mlflow.find(FOREIGN / place))
        assert (found.project, found.name) == ("digits", "first")
        folder = write_folder(found, tmp_path)
        logged = rows(folder)
        assert [row["loss"] for _, row in logged] == [1 / (i + 1) for i in range(4)]
        assert math.isnan(logged[2][1]["val/acc"])
        assert config(folder) == {"lr": 0.1, "layers": 3, "name": "net", "bias": True}
        assert (said(folder)["notes"], said(folder)["tags"]) == ("a note", ["team:vision"])
        assert [r.exit_code for r in records(folder) if isinstance(r, Finished)] == [0]

    def test_its_local_files_come_along(self, tmp_path: Path) -> None:
        store = tmp_path / "mlruns"
        shutil.copytree(FOREIGN / "mlflow" / "mlruns", store)
        (meta,) = store.glob("*/*/meta.yaml")
        (meta.parent / "artifacts" / "model").mkdir(parents=True)
        (meta.parent / "artifacts" / "model" / "w.bin").write_bytes(b"weights")
        folder = write_folder(only(mlflow.find(store)), tmp_path / "out")
        assert (folder / "files" / "artifacts" / "model" / "w.bin").read_bytes() == b"weights"

    def test_another_database_is_refused_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "mlflow.db").write_bytes(b"nothing")
        with pytest.raises(ImportFailed, match="is no SQLite database"):
            mlflow.find(tmp_path / "mlflow.db")


class TestFolder:
    def test_twice_is_once(self, tmp_path: Path) -> None:
        found = only(wandb_file.find(WANDB))
        first = write_folder(found, tmp_path)
        before = first.stat().st_ino
        assert write_folder(found, tmp_path) == first
        assert first.stat().st_ino == before
        assert [each.name for each in tmp_path.iterdir()] == [first.name]

    def test_a_run_that_went_on_comes_as_its_next_writer(self, tmp_path: Path) -> None:
        source = tmp_path / "run-abcd1234.wandb"
        source.write_bytes(WANDB.read_bytes()[:-4000])
        first = write_folder(only(wandb_file.find(source)), tmp_path / "out")
        assert RunFolder(first).writers() == ["1"]
        source.write_bytes(WANDB.read_bytes())
        for _ in range(2):
            assert write_folder(only(wandb_file.find(source)), tmp_path / "out") == first
            assert RunFolder(first).writers() == ["2"]
        logged = Reader(first / "records.2.bin").read()
        assert sum(isinstance(each, History) for each in logged) == 6

    def test_the_project_that_was_asked_for_is_used(self, tmp_path: Path) -> None:
        folder = write_folder(only(wandb_file.find(WANDB)), tmp_path, project="mine")
        assert said(folder)["project"] == "mine"
        assert RunFolder(folder).read_metadata()["project"] == "mine"
        assert RunFolder(folder).read_metadata()["run_id"] == "abcd1234"
