"""The Hugging Face Trainer reports to W&B, and searches with one of its sweeps."""

from __future__ import annotations

from pathlib import Path

from trained import Train, bytes_of, histograms, values
from wandb_clients import WandbServer

MODEL = """
import json, os, transformers, wandb

def model():
    return transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=10,
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=8))

def trainer(folder, name, **given):
    rows = [{"input_ids": [1, 2, 3], "labels": n % 2} for n in range(8)]
    arguments = transformers.TrainingArguments(output_dir=folder, eval_strategy="steps",
        per_device_train_batch_size=2, report_to="wandb", run_name=name, use_cpu=True,
        disable_tqdm=True, **given)
    return transformers.Trainer(model_init=model, args=arguments, train_dataset=rows,
        eval_dataset=rows)
"""

TRAIN = f"""{MODEL}
trainer("kept", "keeps", max_steps=100, logging_steps=25, eval_steps=50, save_steps=50).train()
wandb.finish()
os.environ["WANDB_LOG_MODEL"] = "end"
os.environ["WANDB_WATCH"] = "false"
trainer("end", "ends", max_steps=2, logging_steps=1, eval_steps=2, save_strategy="no").train()
wandb.finish()
"""


def test_trainings_with_their_checkpoints(train: Train, tmp_path: Path) -> None:
    done = train("transformers", TRAIN, WANDB_LOG_MODEL="checkpoint", WANDB_WATCH="all")
    keeps, ends = done.runs
    assert (keeps.name, keeps.state) == ("keeps", "finished")
    assert (keeps.config["hidden_size"], keeps.config["max_steps"]) == (8, 100)
    assert keeps.config["model/num_parameters"] > 100
    steps = "train/global_step"
    assert [row[steps] for row in keeps.scan_history(["train/loss", steps])] == [25, 50, 75, 100]
    assert [row[steps] for row in keeps.scan_history(["eval/loss", steps])] == [50, 100]
    assert values(ends, "train/loss") != []
    assert keeps.summary["train_runtime"] > 0
    assert len(histograms(keeps, "gradients/")) > 10
    assert len(histograms(keeps, "parameters/")) > 10

    models = {one.name: one for one in keeps.logged_artifacts() if one.type == "model"}
    assert models.keys() == {f"model-keeps:v{number}" for number in range(4)}
    assert "base_model" in models["model-keeps:v0"].aliases
    assert {"final_model", "latest"} <= set(models["model-keeps:v3"].aliases)
    for version, step in (("v1", 50), ("v2", 100)):
        assert f"checkpoint_global_step_{step}" in models[f"model-keeps:{version}"].aliases
        files = bytes_of(keeps, f"model-keeps:{version}", tmp_path)
        folder = done.folder / "kept" / f"checkpoint-{step}"
        assert "model.safetensors" in files
        assert files == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert "model.safetensors" in bytes_of(ends, "model-ends:v1", tmp_path)


SEARCH = f"""{MODEL}
def space(_trial):
    return {{"method": "grid", "parameters": {{"learning_rate": {{"values": [0.1, 0.01]}}}}}} | {{
        "metric": {{}}}}

best = trainer("search", None, max_steps=2, logging_steps=1, eval_steps=2,
    save_strategy="no").hyperparameter_search(backend="wandb", hp_space=space, n_trials=2,
    direction="minimize", compute_objective=lambda metrics: metrics["eval_loss"],
    project=os.environ["WANDB_PROJECT"])
print("TOLD", json.dumps([best.run_id, best.objective, best.hyperparameters["learning_rate"],
    best.run_summary]))
"""


def test_a_search(train: Train, wandb_server: WandbServer) -> None:
    done = train("transformers", SEARCH)
    run_id, objective, rate, sweep = done.told()
    with wandb_server.client() as client:
        trials = client.trials(sweep)
        status = client.sweep(sweep)
    assert status["state"] == "finished"
    assert sorted(trial["config"]["learning_rate"] for trial in trials) == [0.01, 0.1]
    best = min(trials, key=lambda trial: trial["objective"])
    assert (best["id"], best["config"]["learning_rate"]) == (run_id, rate)
    assert abs(best["objective"] - objective) < 1e-9
    for run in done.runs:
        assert run.sweep_name == sweep
        assert len(values(run, "eval/loss")) == 1
        assert run.config["learning_rate"] in (0.1, 0.01)
