"""PyTorch alone: what is watched, and what TensorBoard's writer writes."""

from __future__ import annotations

import pytest
from trained import Train, histograms, values

WATCH = """
import torch, wandb

torch.manual_seed(0)
run = wandb.init(config={"rate": 0.1})
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
run.watch(model, log="all", log_freq=5, log_graph=True)
optimizer = torch.optim.SGD(model.parameters(), lr=run.config.rate)
for step in range(20):
    loss = model(torch.randn(16, 4)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log({"loss": loss, "weights": wandb.Histogram(model[0].weight.detach())})
run.unwatch()
run.finish()
"""


def test_what_is_watched(train: Train) -> None:
    run = train("torch", WATCH).run
    losses = values(run, "loss")
    assert len(losses) == 20
    assert all(type(loss) is float for loss in losses)
    names = {"0.weight", "0.bias", "2.weight", "2.bias"}
    for kind, sizes in (("gradients/", {32, 8, 1}), ("parameters/", {32, 8, 1})):
        found = histograms(run, kind)
        assert found.keys() == {kind + name for name in names}
        assert all(len(each) == 4 for each in found.values())
        assert {sum(each[0]["values"]) for each in found.values()} == sizes
    assert len(histograms(run, "weights")["weights"]) == 20
    assert run.config["rate"] == 0.1


TENSORBOARD = """
import numpy, os, torch, wandb
from torch.utils.tensorboard import SummaryWriter

run = wandb.init(sync_tensorboard=True, config={"rate": 0.1})
with SummaryWriter("logs") as writer:
    for step in range(20):
        writer.add_scalar("loss/train", 1 / (step + 1), step)
        writer.add_scalars("both", {"a": step, "b": 2 * step}, step)
    writer.add_histogram("weights", torch.arange(100.0), 19)
    writer.add_image("picture", numpy.zeros((3, 4, 6), dtype="uint8"), 19)
    writer.add_text("said", "hello", 19)
    writer.add_hparams({"depth": 3}, {"score": 1.0})
run.finish()
"""


def test_what_tensorboard_writes(train: Train) -> None:
    run = train("torch", TENSORBOARD).run
    rows = list(run.scan_history(["loss/train", "global_step"]))
    assert [row["global_step"] for row in rows] == list(range(20))
    losses = [row["loss/train"] for row in rows]
    assert losses == pytest.approx([1 / (step + 1) for step in range(20)])  # of four bytes
    (weights,) = values(run, "weights")
    assert weights["_type"] == "histogram"
    assert sum(weights["values"]) == 100
    (picture,) = values(run, "picture")
    assert picture["_type"] == "images/separated"
    names = {file.name for file in run.files()}
    assert any("tfevents" in name for name in names)
    assert set(picture["filenames"]) <= names
    assert values(run, "both_b/both") == [2 * step for step in range(20)]
