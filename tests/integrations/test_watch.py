"""watch: histograms of real PyTorch models, and no harm to their training."""

from __future__ import annotations

from typing import Any

import pytest
from run_records import rows_of, values_of

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make test-frameworks")

import opensweep
from logging_core.errors import UsageError


@pytest.fixture
def run() -> opensweep.Run:
    return opensweep.init(project="watched")


def model() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))


def train(net: Any, steps: int, run: opensweep.Run, **log: Any) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        loss = net(torch.ones(16, 4)).square().mean()
        loss.backward()
        optimizer.step()
        run.log({"loss": float(loss)}, **dict.fromkeys(log, step))


def test_gradients(run: opensweep.Run) -> None:
    net = model()
    run.watch(net, log_freq=3)
    gradients = []
    net[0].weight.register_hook(lambda gradient: gradients.append(gradient.clone()))
    train(net, 7, run)
    run.finish()
    rows = rows_of(run)
    assert len(rows) == 7
    assert [step for step, row in enumerate(rows) if "gradients/0.weight" in row] == [2, 5]
    assert {name for name in rows[2] if name != "loss"} == {
        "gradients/0.weight",
        "gradients/0.bias",
        "gradients/2.weight",
        "gradients/2.bias",
    }
    told = rows[2]["gradients/0.weight"]
    assert told["_type"] == "histogram"
    assert sum(told["values"]) == 32
    assert told["bins"][0] == pytest.approx(float(gradients[2].min()))
    assert told["bins"][-1] == pytest.approx(float(gradients[2].max()))
    expected = torch.histc(gradients[2], 64, float(gradients[2].min()), float(gradients[2].max()))
    assert told["values"] == expected.tolist()


def test_parameters_and_all(run: opensweep.Run) -> None:
    net, other = model(), model()
    run.watch(net, log="parameters", log_freq=2)
    run.watch(other, log="all", log_freq=2)
    for each in (net, other):
        train(each, 2, run)
    run.finish()
    names = {name for row in rows_of(run) for name in row}
    assert "parameters/0.weight" in names
    assert "gradients/0.weight" not in names
    assert {"parameters/graph_10.weight", "gradients/graph_10.weight"} <= names


def test_steps_of_the_scripts_own(run: opensweep.Run) -> None:
    net = model()
    opensweep.watch([net], log_freq=1)
    train(net, 3, run, step=True)
    run.finish()
    rows = rows_of(run)
    assert len(rows) == 3
    # As with W&B: gradients come before the loss of their step, and join the one that is open.
    assert ["gradients/0.bias" in row for row in rows] == [True, True, False]


def test_what_makes_no_histogram(run: opensweep.Run) -> None:
    class Odd(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = torch.nn.Embedding(10, 3, sparse=True)
            self.frozen = torch.nn.Parameter(torch.ones(3), requires_grad=False)
            self.unused = torch.nn.Parameter(torch.ones(3))
            self.broken = torch.nn.Parameter(torch.ones(3))
            self.partly = torch.nn.Parameter(torch.ones(3))
            self.bfloat = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
            self.empty = torch.nn.Parameter(torch.ones(0))

        def forward(self, which: Any) -> Any:
            nan = torch.tensor([float("nan"), 1.0, 2.0])
            known = self.words(which).sum() + (self.bfloat * 2).sum() + self.empty.sum()
            return known + (self.partly * nan).sum() + (self.broken * float("nan")).sum()

    net = Odd()
    run.watch(net, log="all", log_freq=1)
    net(torch.tensor([1, 1, 4])).backward()
    run.log({"end": 1})
    run.finish()
    (row,) = rows_of(run)
    assert {name for name in row if name.startswith("gradients/")} == {
        "gradients/words.weight",
        "gradients/partly",
        "gradients/bfloat",
    }
    assert sum(row["gradients/words.weight"]["values"]) == 30  # with the zeros that it leaves out
    assert sum(row["gradients/partly"]["values"]) == 2
    assert sum(row["parameters/words.weight"]["values"]) == 30
    assert sum(row["parameters/frozen"]["values"]) == 3


def test_unwatch_and_finish_take_the_hooks_away(run: opensweep.Run) -> None:
    def hooks(net: Any) -> int:
        found = len(net._forward_hooks)
        return found + sum(len(each._backward_hooks or ()) for each in net.parameters())

    one, two = model(), model()
    run.watch((one, two), log="all", log_freq=1)
    assert (hooks(one), hooks(two)) == (4, 4)
    run.watch(one, log="gradients")  # again: instead of what was there
    assert hooks(one) == 4
    run.unwatch(one)
    assert (hooks(one), hooks(two)) == (0, 4)
    run.unwatch(one)
    run.finish()
    assert hooks(two) == 0
    train(two, 1, opensweep.init(mode="disabled"))


def test_the_graph(run: opensweep.Run) -> None:
    import json
    from pathlib import Path

    (graph,) = run.watch(model(), log=None, log_graph=True)
    net = model()
    (graph,) = run.watch(net, log=None, log_graph=True, idx=0)
    net(torch.ones(2, 4))
    run.log({"loss": 1})
    run.finish()
    (told,) = values_of(run, "graph_0")
    stored = json.loads((Path(run.dir) / told["path"]).read_text())
    assert [node["name"] for node in stored["nodes"]] == ["0", "1", "2"]
    assert stored["nodes"][0]["output_shape"] == [[2, 8]]
    assert stored["nodes"][0]["parameters"] == [["weight", [8, 4]], ["bias", [8]]]
    assert len(stored["edges"]) == 2
    assert graph.nodes[0].name == "0"


def test_wrong_use(run: opensweep.Run) -> None:
    for wrong in (
        {"models": 5},
        {"models": model(), "log": "x"},
        {"models": model(), "log_freq": 0},
    ):
        with pytest.raises(UsageError):
            run.watch(**wrong)


def test_a_model_that_learns_nothing(run: opensweep.Run) -> None:
    net = model().requires_grad_(False)
    run.watch(net, log="all", log_freq=2)
    for step in range(4):
        net(torch.ones(1, 4))
        run.log({"step": step})
    run.finish()
    assert len(values_of(run, "parameters/0.weight")) == 2


def test_a_compiled_model(run: opensweep.Run, capfd: pytest.CaptureFixture[str]) -> None:
    net = model()
    run.watch(net, log="all", log_freq=1)
    train(torch.compile(net, backend="eager", fullgraph=True), 2, run)
    run.finish()
    assert len(values_of(run, "parameters/0.weight")) == 2
    assert len(values_of(run, "gradients/0.weight")) == 2
    assert "graph break" not in capfd.readouterr().err.lower()


def test_data_parallel(run: opensweep.Run) -> None:
    net = torch.nn.DataParallel(model())
    run.watch(net, log="all", log_freq=1)
    train(net, 2, run)
    run.finish()
    assert "gradients/module.0.weight" in rows_of(run)[1]
    assert "parameters/module.0.weight" in rows_of(run)[1]


def test_tensors_as_images_and_histograms(run: opensweep.Run) -> None:
    picture = torch.rand(3, 5, 7)
    run.log(
        {
            "picture": opensweep.Image(picture),
            "bright": opensweep.Image(picture.to(torch.bfloat16)),
            "bytes": opensweep.Image((picture * 255).to(torch.uint8).requires_grad_(False)),
            "batch": opensweep.Image(torch.rand(4, 1, 5, 7, requires_grad=True)),
            "many": torch.rand(100, requires_grad=True),
            "few": torch.ones(3),
            "one": torch.tensor(2.5),
        }
    )
    run.finish()
    (row,) = rows_of(run)
    for name in ("picture", "bright", "bytes"):
        assert (row[name]["width"], row[name]["height"]) == (7, 5)
    assert (row["batch"]["width"], row["batch"]["height"]) == (4 * 9 + 2, 9)
    assert sum(row["many"]["values"]) == 100
    assert row["few"] == [1.0, 1.0, 1.0]
    assert row["one"] == 2.5


def test_no_hook_raises(run: opensweep.Run, capsys: pytest.CaptureFixture[str]) -> None:
    net = model()
    run.watch(net, log_freq=1)
    run.__dict__["log"] = None
    net(torch.ones(1, 4)).sum().backward()
    assert "watch: gradients/" in capsys.readouterr().err
