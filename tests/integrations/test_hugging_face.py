"""Hugging Face: the real Trainer with our callback, the real Accelerator with our tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from run_records import records_of, rows_of, values_of

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make test-frameworks")

import opensweep
from logging_core.records import ArtifactLogged


def trainer(tmp_path: Path, callback: Any, **arguments: Any) -> Any:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.BertConfig(
        vocab_size=10,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=8,
    )
    model = transformers.BertForSequenceClassification(config)
    rows = [{"input_ids": [1, 2, 3], "labels": number % 2} for number in range(8)]
    given = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"),
        max_steps=4,
        logging_steps=2,
        eval_strategy="steps",
        eval_steps=2,
        per_device_train_batch_size=2,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        **arguments,
    )
    return transformers.Trainer(
        model, given, train_dataset=rows, eval_dataset=rows, callbacks=[callback]
    )


@pytest.fixture
def callback() -> Any:
    pytest.importorskip("transformers", reason="transformers is not installed")
    from opensweep.integration.transformers import OpensweepCallback

    return OpensweepCallback


def test_a_training(tmp_path: Path, callback: Any) -> None:
    trainer(tmp_path, callback(project="bert", tags=["t"]), save_strategy="no").train()
    run = opensweep.run
    assert run is not None
    run.finish()
    assert (run.project, run.tags) == ("bert", ("t",))
    assert (run.config["hidden_size"], run.config["max_steps"]) == (8, 4)
    assert run.config["model/num_parameters"] > 100
    rows = rows_of(run)
    assert [row["train/global_step"] for row in rows if "train/loss" in row] == [2, 4]
    assert [row["train/global_step"] for row in rows if "eval/loss" in row] == [2, 4]
    assert "train/learning_rate" in rows[0]
    assert run.summary["train_runtime"] > 0


def test_a_run_that_is_there_is_used_and_models_are_kept(tmp_path: Path, callback: Any) -> None:
    with opensweep.init(project="mine") as run:
        mine = callback(log_model="checkpoint", watch="all")
        trainer(tmp_path, mine, save_strategy="steps", save_steps=4).train()
    kept = [record for record in records_of(run) if isinstance(record, ArtifactLogged)]
    assert len(kept) == 2
    assert values_of(run, "train/loss")


def test_accelerate() -> None:
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    from opensweep.integration.accelerate import OpensweepTracker

    accelerator = accelerate.Accelerator(log_with=OpensweepTracker("mine", tags=["t"]), cpu=True)
    accelerator.init_trackers("ignored", config={"lr": 0.1})
    for step in range(3):
        accelerator.log({"loss": 1.0 / (step + 1)}, step=step)
    run = accelerator.get_tracker("opensweep", unwrap=True)
    tracker = accelerator.get_tracker("opensweep")
    tracker.log_images({"picture": [torch.rand(3, 4, 4)]}, step=3)
    tracker.log_table("table", columns=["x"], data=[[1]], step=3)
    accelerator.end_training()
    assert (run.project, run.tags, run.config["lr"]) == ("mine", ("t",), 0.1)
    assert values_of(run, "loss") == [1.0, 0.5, 1 / 3]
    assert values_of(run, "picture")[0]["count"] == 1
    assert values_of(run, "table")[0]["nrows"] == 1
    assert opensweep.run is None
