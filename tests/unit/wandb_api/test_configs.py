"""Configs and summaries in W&B's form and in ours."""

from __future__ import annotations

import json
import math

import pytest

from controller.store.records import RunRecord, RunState
from controller.wandb_api.runs.configs import read_config, wandb_config, wandb_part
from controller.wandb_api.runs.naming import draw_name
from controller.wandb_api.runs.summaries import NESTED, nested_names, plain_summary, wandb_summary
from sweeps.errors import UsageError

SENT = {
    "lr": {"value": 0.1},
    "model": {"value": {"layers": 2}, "desc": None},
    "bare": 7,
    "_wandb": {
        "value": {
            "t": {"3": [1]},
            "m": [
                {"1": "acc", "5": 2, "6": [1, 3], "7": [2, 5], "8": 2},
                {"1": "epoch", "6": [], "7": []},
                {"2": "val/*", "5": 2, "6": [2], "7": []},
                {"1": "bad", "5": 99, "6": None, "7": [77, "x"]},
                "nonsense",
            ],
        }
    },
}


def a_run(**given):
    fields = {
        "id": "r",
        "sweep_id": None,
        "project": "p",
        "local_id": "r",
        "name": "r",
        "state": RunState.FINISHED,
        "exit_code": 0,
        "config": {},
        "summary": {},
        "metadata": {},
        "metrics": {},
        "writer": 1,
        "steps": 0,
        "parent_id": None,
        "fork_step": None,
        "created": 100.0,
        "started": 100.0,
        "ended": 160.5,
        "heard": 160.5,
        "updated": 160.5,
    }
    return RunRecord(**{**fields, **given})


def test_a_config_is_plain_and_what_the_client_keeps_of_itself_is_apart():
    said = read_config(json.dumps(SENT))
    assert said.config == {"lr": 0.1, "model": {"layers": 2}, "bare": 7}
    assert said.wandb == SENT["_wandb"]["value"]
    assert said.metadata == {"wandb": said.wandb}


def test_metrics_are_defined_as_our_own_logger_has_them():
    metrics = read_config(SENT).metrics
    assert metrics["acc"] == {
        "name": "acc",
        "step_metric": "epoch",
        "step_sync": True,
        "hidden": False,
        "summary": ["max", "last"],
        "goal": "maximize",
        "overwrite": False,
    }
    assert (metrics["val/*"]["step_metric"], metrics["val/*"]["hidden"]) == ("epoch", True)
    assert metrics["bad"]["step_metric"] is None
    assert metrics["bad"]["summary"] == []
    assert list(metrics) == ["acc", "epoch", "val/*", "bad"]


@pytest.mark.parametrize("sent", ["{", "[1]", 3, '"text"'])
def test_what_is_no_config_is_refused(sent):
    with pytest.raises(UsageError, match="config"):
        read_config(sent)


def test_no_config_says_nothing():
    assert read_config(None) == read_config("{}") == read_config({})


def test_a_config_goes_out_as_it_came_in():
    said = read_config(SENT)
    run = a_run(config={**said.config, "odd": math.inf}, metadata=said.metadata)
    sent = wandb_config(run)
    assert sent["lr"]["value"] == 0.1
    assert sent["odd"]["value"] == "Infinity"
    assert sent["_wandb"]["value"] == SENT["_wandb"]["value"]


def test_how_charts_are_drawn_is_where_our_own_logger_has_it():
    charts = {"visualize": {"roc": {"panel_type": "Vega2"}}, "mask/class_labels": {"m": {}}}
    sent = {"lr": {"value": 1}, "_wandb": {"value": {"t": {}, **charts}}}
    said = read_config(sent)
    assert said.config == {"lr": 1, "_wandb": charts}
    assert said.wandb == {"t": {}}
    run = a_run(config=said.config, metadata=said.metadata)
    assert wandb_config(run)["_wandb"]["value"] == {"t": {}, **charts}
    assert wandb_part(run, ["t", "visualize"]) == {"t": {}, "visualize": charts["visualize"]}


def test_only_a_run_that_somebody_began_can_be_gone_on_with():
    said = read_config(SENT)
    assert wandb_part(a_run(metadata=said.metadata), ["t", "none"]) == {"t": {"3": [1]}}
    assert wandb_part(a_run(metadata=said.metadata), None) == said.wandb
    assert "t" in wandb_part(a_run(metadata={"started": 1.5}), ["t"])  # our own logger's
    assert wandb_part(a_run(writer=0), ["t"]) == {}  # made for a script to come
    assert wandb_part(a_run(sweep_id="s", writer=1), ["t"]) == {}  # a trial that is about to begin
    assert "t" in wandb_part(a_run(sweep_id="s", writer=2, steps=4), ["t"])


def test_a_summary_is_flat_on_record_and_keeps_what_only_the_client_knows():
    sent = {
        "loss": "NaN",
        "v": {"acc": 1, "deep": {"x": "Infinity"}},
        "acc": {"max": 3, "last": 1},
        "picture": {"_type": "image-file", "path": "x"},
        "empty": {},
        "_step": 9,
        "_timestamp": 5.0,
        "_runtime": 12.5,
        "_wandb": {"runtime": 12},
    }
    plain = plain_summary(sent)
    assert math.isnan(plain.pop("loss"))
    assert plain == {
        "v.acc": 1,
        "v.deep.x": math.inf,
        "acc": {"max": 3, "last": 1},
        "picture": {"_type": "image-file", "path": "x"},
        "_runtime": 12.5,
    }


def test_a_summary_goes_out_nested_with_the_keys_that_clients_go_by():
    run = a_run(summary={"v.acc": 1, "loss": math.nan, "_runtime": 12.5}, steps=10)
    assert wandb_summary(run) == {
        "v": {"acc": 1},
        "loss": "NaN",
        "_step": 9,
        "_timestamp": 160.5,
        "_runtime": 12.5,
        "_wandb": {"runtime": 12},
    }


def test_names_that_a_client_logged_with_a_dot_come_back_as_they_were():
    sent = {"val.loss": 1, "n": {"x": 2, "deep": {"y": 3}}, "a.b": {"c": 4}, "m": {"min": 5}}
    names = nested_names(sent | {"_wandb": {"runtime": 1}, "h": {"_type": "histogram"}})
    assert names == {"n", "a.b"}
    metadata = {"wandb": {}, NESTED: sorted(names)}
    run = a_run(summary=plain_summary(sent), metadata=metadata)
    assert {name: wandb_summary(run)[name] for name in sent} == sent


def test_of_our_own_loggers_run_the_clock_tells_how_long_it_ran():
    assert wandb_summary(a_run(steps=1))["_wandb"] == {"runtime": 60}
    assert wandb_summary(a_run(writer=0, started=None, ended=None)) == {}


def test_names_are_drawn_once_and_for_all():
    assert draw_name("p/a", 3) == draw_name("p/a", 3)
    assert draw_name("p/a", 3).endswith("-3")
    assert len({draw_name(f"p/{n}", 1) for n in range(200)}) > 150
