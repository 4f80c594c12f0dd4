"""What is said of a trial without an objective."""

from __future__ import annotations

import pytest

from sweeps.objective import no_measures, no_objective


@pytest.mark.parametrize("name", ["val.loss", "val/loss"])
def test_a_metric_that_was_never_a_number_is_not_called_missing(name: str) -> None:
    told = no_objective(name, ["val/loss", "lr"])
    assert told.endswith(
        f"wants {name!r}, which the script logged, but never as a finite number (not NaN, not text)"
    )
    assert no_objective("acc", ["val/loss"]).endswith("wants 'acc', the script logged 'val/loss'")


def test_the_nearest_name_is_suggested() -> None:
    told = no_objective("val/accuracy", ["val.accuracy", "latency_ms"])
    assert told.endswith(
        "the script logged 'latency_ms', 'val.accuracy'; did you mean 'val.accuracy'?"
    )
    assert no_objective("val_loss", ["Val/Loss", "loss"]).endswith("did you mean 'Val/Loss'?")
    told = no_measures(["latency", "gb"], ["latency_ms", "acc"])
    assert told.endswith("the script logged 'acc', 'latency_ms'; did you mean 'latency_ms'?")
