"""The sweep file: what is read, what it defaults to, and what is refused with line and key path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sweeps.errors import SpecError
from sweeps.retry import Ending, Retry
from sweeps.spec import (
    DEFAULT_COMMAND,
    Goal,
    Impute,
    Method,
    Metric,
    SweepSpec,
    load_spec,
    spec_from_mapping,
)

WHOLE = """\
# as a W&B user would write it
apiVersion: "1"
kind: sweep
controller:
  type: cloud
program: train.py
method: bayes
name: digits
description: |
  a small network
project: p
entity: e
metric:
  name: val/loss
  goal: maximize
  target: 0.99
  impute: latest
  impute_while_running: best
parameters:
  lr:
    distribution: log_uniform_values
    min: 1e-5
    max: 1e-1
  opt:
    parameters:
      name: {values: [sgd, adam]}
run_cap: 20
early_terminate:
  type: hyperband
  min_iter: 3
command: ["${env}", python3, "${program}", "${args_no_hyphens}", 5]
seed: 7
enqueue:
  - {lr: 0.01, opt: {name: adam}}
  - {opt: {name: sgd}}
retry: {max: 2, on: [crash]}
"""

SMALL = "program: t.py\nmethod: random\nparameters:\n  a: {values: [1, 2]}\n"
METRIC = "metric: {name: loss}\n"


def load(more: str = "") -> SweepSpec:
    return load_spec(SMALL + more, path="/home/ada/s.yaml")


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(text, path="s.yaml")
    return str(caught.value)


# -- what is read -------------------------------------------------------------------------------


def test_the_whole_file() -> None:
    spec = load_spec(WHOLE, path="sweep.yaml")
    assert spec.method is Method.BAYES
    assert spec.metric == Metric("val/loss", Goal.MAXIMIZE, 0.99, Impute.LATEST, Impute.BEST)
    assert (spec.name, spec.project, spec.entity) == ("digits", "p", "e")
    assert spec.description == "a small network\n"
    assert [p.name for p in spec.parameters.parameters] == ["lr", "opt.name"]
    assert spec.run_cap == 20
    assert spec.early_terminate is not None
    assert spec.early_terminate.type == "hyperband"
    assert spec.command == ("${env}", "python3", "${program}", "${args_no_hyphens}", "5")
    assert spec.seed == 7
    assert spec.enqueue == ({"lr": 0.01, "opt": {"name": "adam"}}, {"opt": {"name": "sgd"}})
    assert spec.retry == Retry(2, frozenset({Ending.CRASH}))
    assert spec.warnings == ()


def test_what_a_file_need_not_say() -> None:
    spec = load()
    assert spec.command == DEFAULT_COMMAND
    assert spec.metric is None
    assert spec.early_terminate is None
    assert spec.seed is None
    assert spec.run_cap is None
    assert spec.enqueue == ()
    assert spec.retry == Retry(0, frozenset({Ending.LOST, Ending.PREEMPTED}))


def test_a_metric_is_minimized_and_imputes_the_worst() -> None:
    metric = Metric("loss", Goal.MINIMIZE, None, Impute.WORST, Impute.NONE)
    assert load(METRIC).metric == metric


def test_an_unquoted_false_means_wandbs_quoted_one() -> None:
    spec = load("metric: {name: loss, impute_while_running: false}\n")
    assert spec.metric is not None
    assert spec.metric.impute_while_running is Impute.NONE


def test_the_source_rebuilds_the_spec_also_by_way_of_json() -> None:
    spec = load_spec(WHOLE, path="sweep.yaml")
    assert spec_from_mapping(spec.source) == spec
    assert spec_from_mapping(json.loads(json.dumps(spec.source))) == spec


def test_the_source_is_a_copy() -> None:
    data: dict[str, Any] = {"method": "random", "parameters": {"a": {"values": [1]}}}
    spec = spec_from_mapping(data)
    data["parameters"]["a"]["values"].append(2)
    assert spec.source["parameters"]["a"]["values"] == [1]


# -- warnings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "warning"),
    [
        (
            "  b: {parameters: {c: {distribution: log_uniform, min: -3, max: 0}}}\n",
            "s.yaml:5: parameters.b.parameters.c.distribution: log_uniform is deprecated, and its "
            "min and max are exponents of e: here values from 0.0497871 to 1 (e^-3 to e^0). Use "
            "log_uniform_values",
        ),
        (
            "  b: {distribution: log_uniform, min: 0.0001, max: 0.1}\n",
            "here values from 1.0001 to 1.10517 (e^0.0001 to e^0.1).",
        ),
        (
            "  b: {distribution: q_uniform, min: 0, max: 1, q: 5}\n",
            "s.yaml:5: parameters.b.q: in steps of 5 there is one value alone, 0. Take a smaller",
        ),
        ("  b: {distribution: q_log_uniform, min: 0, max: 3}\n", "Use q_log_uniform_values"),
        ("  b: {distribution: inv_log_uniform, min: 0, max: 3}\n", "Use inv_log_uniform_values"),
        ("job: x\n", "job: ignored; agents run `program`"),
        ("image_uri: x\n", "image_uri: ignored"),
        ("scheduler: {engine: wandb}\n", "scheduler: ignored"),
        (METRIC + "early_terminate: {type: hyperband, min_iter: 3, s: 2}\n", "s: ignored"),
        (
            METRIC + "early_terminate: {type: hyperband, min_iter: 3, max_iter: 9, s: 2}\n",
            "min_iter: ignored; `max_iter`",
        ),
    ],
)
def test_what_is_accepted_with_a_warning(more: str, warning: str) -> None:
    (found,) = load(more).warnings
    assert warning in found


# -- retry --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{max: 2}", Retry(2, frozenset(Ending))),
        ("{max: 0}", Retry()),
        ("{}", Retry()),
        ("{on: [lost]}", Retry(0, frozenset({Ending.LOST}))),
        ("{on: []}", Retry(0, frozenset())),
        ("{lost: 1}", Retry(lost=1)),
        ("{max: 2, lost: 0}", Retry(2, frozenset(Ending), 0)),
    ],
)
def test_retry(text: str, expected: Retry) -> None:
    assert load(f"retry: {text}\n").retry == expected


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "where", "what"),
    [
        ("metrc: {name: x}", "metrc", "a sweep file has no such key. Did you mean `metric`?"),
        ("zzz: 1", "zzz", "It has `apiVersion`, `command`"),
        ("metric: {nme: x}", "metric.nme", "Did you mean `name`?"),
        ("metric: {goal: minimize}", "metric.name", "is missing"),
        ("metric: {name: ''}", "metric.name", "is empty"),
        ("metric: {name: x, goal: max}", "metric.goal", "Did you mean `maximize`?"),
        ("metric: {name: x, target: high}", "metric.target", "not the text 'high'"),
        ("metric: {name: x, target: '3'}", "metric.target", "Write it without quotes."),
        ("metric: {name: x, target: .nan}", "metric.target", "must be a finite number"),
        ("metric: {name: x, impute: 'false'}", "metric.impute", "latest, best or worst"),
        ("metric: {name: x, impute: bst}", "metric.impute", "Did you mean `best`?"),
        ("metric:", "metric", "is empty. Give it a value, or remove the key."),
        ("metric: loss", "metric", "must be a mapping"),
        ("metrics: [{name: a, at_most: 1}]", "metrics", "none of them has a `goal`"),
        ("metrics: [{name: a}]", "metrics[0]", "Give `goal`, `at_most` or `at_least`."),
        ("metrics: {name: a}", "metrics", "must be a list"),
        ("metrics: [{name: a, gaol: minimize}]", "metrics[0].gaol", "Did you mean `goal`?"),
        ("metrics: [{name: a, at_most: 1, at_least: 2}]", "metrics[0].at_least", "above at_most"),
        ("prior: 3", "prior", "must be a text"),
        ("prior: [3]", "prior[0]", "the id of a sweep or the path of a CSV file, not 3"),
        ("scheduler: {engine: optuna}", "scheduler", "take `method: bayes`"),
        ("scheduler: {}", "scheduler.engine", "is missing"),
        ("controller: {type: clod}", "controller.type", "Did you mean `cloud`?"),
        ("kind: job", "kind", "must be `sweep`"),
        ("name: 5", "name", 'Put it in quotes: name: "5".'),
        ("name: [x]", "name", "must be a text, not a list"),
        ("run_cap: 0", "run_cap", "must be at least 1, not 0"),
        ("run_cap: 1.5", "run_cap", "must be a whole number"),
        ("run_cap: true", "run_cap", "must be a finite number, not True"),
        ("command: python t.py", "command", "must be a list of words"),
        ("command: []", "command", "not an empty one"),
        ("command: [python, [x]]", "command[1]", "must be a text, not a list"),
        ("seed: -1", "seed", "at least 0"),
        ("seed: 9223372036854775808", "seed", "at most"),
        ("enqueue: {a: 1}", "enqueue", "must be a list"),
        ("enqueue: [1]", "enqueue[0]", "must be a mapping"),
        ("enqueue: [{a: 1}, {a: 3}]", "enqueue[1].a", "must be one of 1, 2, not 3"),
        ("enqueue: [{b: 1}]", "enqueue[0].b", "there is no such parameter"),
        ("retry: {on: [crash]}", "retry.on", "Add `max: 1`"),
        ("retry: {max: 1, on: [crush]}", "retry.on[0]", "Did you mean `crash`?"),
        ("retry: {max: -1}", "retry.max", "at least 0"),
        ("retry: {lost: -1}", "retry.lost", "at least 0"),
        ("retry: {lost: 1, on: [preempted]}", "retry.lost", "Add `lost` to `on`"),
        ("retry: {times: 1}", "retry.times", "It has `lost`, `max`, `on`."),
        ("early_terminate: {type: hyperband, min_iter: 3}", "early_terminate", "needs a `metric`"),
    ],
)
def test_a_top_level_key_that_is_refused(more: str, where: str, what: str) -> None:
    message = refusal(f"{SMALL}{more}\n")
    assert message.startswith(f"s.yaml:5: {where}: ")
    assert what in message


@pytest.mark.parametrize(
    ("parameter", "where", "what"),
    [
        ("0.1", "", "Write p: {value: 0.1}."),
        ("[1, 2]", "", "Write p: {values: [1, 2]}."),
        ("", "", "is empty"),
        ("{}", "", "has nothing to draw from"),
        ("{mu: 3}", "", "has nothing to draw from"),
        ("{vlues: [1]}", ".vlues", "Did you mean `values`?"),
        ("{min: 1}", ".max", "is missing"),
        ("{min: 2, max: 1}", ".min", "min 2 must be less than max 1"),
        ("{min: 1, max: 1.0}", ".min", "must be less than"),
        ("{min: true, max: 3}", ".min", "not True"),
        ("{min: .inf, max: 3}", ".min", "not inf"),
        ("{min: a, max: 3}", ".min", "not the text 'a'"),
        ("{min: 0, max: 9223372036854775808}", ".max", "does not fit in 64 bits"),
        ("{min: 1, max: 3, q: 2}", ".q", "Add `distribution: q_uniform`"),
        ("{value: 1, values: [1]}", ".values", "distribution constant has no such key"),
        ("{values: []}", ".values", "is empty"),
        ("{values: 3}", ".values", "must be a list"),
        ("{values: [1, 2], probabilities: [1]}", ".probabilities", "2 values and 1 probabilities"),
        ("{values: [1, 2], probabilities: [0.5, 0.6]}", ".probabilities", "but sum to 1.1"),
        ("{values: [1, 2], probabilities: [-1, 2]}", ".probabilities[0]", "at least 0"),
        (
            "{distribution: categorical, values: [1], probabilities: [1]}",
            ".probabilities",
            "distribution categorical has no such key",
        ),
        ("{distribution: unifrm}", ".distribution", "Did you mean `uniform`?"),
        ("{distribution: loguniform}", ".distribution", "Did you mean `log_uniform_values`?"),
        ("{distribution: log-uniform}", ".distribution", "Did you mean `log_uniform_values`?"),
        ("{distribution: logUniform}", ".distribution", "Did you mean `log_uniform_values`?"),
        ("{distribution: log_unifrom}", ".distribution", "Did you mean `log_uniform_values`?"),
        ("{distribution: randint}", ".distribution", "Did you mean `int_uniform`?"),
        ("{distribution: gaussian}", ".distribution", "Did you mean `normal`?"),
        ("{distribution: logNormal}", ".distribution", "Did you mean `log_normal`?"),
        ("{distribution: quniform}", ".distribution", "Did you mean `q_uniform`?"),
        ("{distribution: zipf}", ".distribution", "It is one of `constant`, "),
        ("{distribution: uniform, min: 1}", ".max", "is missing"),
        ("{distribution: uniform, min: 1, max: 2, q: 1}", ".q", "uniform has no such key"),
        ("{distribution: int_uniform, min: 1.0, max: 2}", ".min", "needs whole numbers, not 1.0"),
        ("{distribution: q_uniform, min: 1, max: 2, q: 0}", ".q", "greater than 0"),
        ("{distribution: q_uniform, min: 0, max: 1e17, q: 0.1}", ".q", "is lost beside"),
        ("{distribution: inv_log_uniform, min: 1, max: 2, q: 1}", ".q", "has no such key"),
        ("{distribution: log_uniform_values, min: 0, max: 1}", ".min", "greater than 0"),
        ("{distribution: log_uniform, min: 0, max: 1000}", ".min", "exponents of e"),
        ("{distribution: normal, sigma: -1}", ".sigma", "at least 0"),
        ("{distribution: beta, a: 0}", ".a", "greater than 0"),
        ("{distribution: uniform, min: -1e308, max: 1e308}", "", "do not fit"),
        ("{parameters: {}}", ".parameters", "is empty"),
        ("{parameters: {x: {value: 1}}, value: 3}", ".value", "a nested parameter has no such key"),
        ("{parameters: {x: {min: 3, max: 1}}}", ".parameters.x.min", "must be less than"),
        ("{parameters: {0x: {value: 1}}}", ".parameters.0x", "is no name for a parameter"),
    ],
)
def test_a_parameter_that_is_refused(parameter: str, where: str, what: str) -> None:
    message = refusal(f"{SMALL}  p: {parameter}\n")
    assert message.startswith(f"s.yaml:5: parameters.p{where}: ")
    assert what in message


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (SMALL.replace("random", "custom"), "s.yaml:2: method: `custom` leaves the search"),
        (SMALL.replace("random", "Baeys"), "s.yaml:2: method: 'Baeys' is not known. Did you mean"),
        (SMALL.replace("random", "bayes"), "s.yaml:2: method: needs a `metric`. Add `metric:"),
        ("program: t\nparameters: {a: {value: 1}}", "s.yaml: method: is missing."),
        ("program: t\nmethod: random", "s.yaml: parameters: is missing."),
        ("program: t\nmethod: random\nparameters: {}", "s.yaml:3: parameters: is empty."),
        ("program: t\nmethod: random\nparameters: [a]", "s.yaml:3: parameters: must be a mapping"),
        (
            SMALL + "  x: {parameters: {y: {value: 1}}}\n  x.y: {value: 1}\n",
            "s.yaml:3: parameters: a nested parameter and one with a dot in its name are both",
        ),
    ],
)
def test_method_and_parameters_that_are_refused(text: str, what: str) -> None:
    assert refusal(text).startswith(what)


NO_PROGRAM = SMALL.removeprefix("program: t.py\n")


def test_there_must_be_something_to_run() -> None:
    assert refusal(NO_PROGRAM) == (
        "s.yaml: there is nothing to run. Name the training script: `program: train.py`, "
        "or give a whole `command`."
    )


def test_a_command_without_the_program_macro_is_enough() -> None:
    spec = load_spec(NO_PROGRAM + "command: [python, t.py, '${args}']\n")
    assert spec.program is None


def test_the_program_macro_needs_a_program() -> None:
    message = refusal(NO_PROGRAM + "command: [python, '${program}']\n")
    assert message.startswith("s.yaml:4: command[1]: ${program} stands here")


def test_a_launch_job_alone_cannot_be_run() -> None:
    message = refusal(NO_PROGRAM + "job: my-job:latest\n")
    assert message.startswith("s.yaml:4: job: W&B Launch jobs and images are not run here.")


def test_a_sweep_from_python_needs_no_program() -> None:
    assert spec_from_mapping({"method": "grid", "parameters": {"a": {"value": 1}}}).program is None


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (
            "  b: {parameters: {c: {min: 0.1, max: 1}}}\n",
            "s.yaml:5: parameters.b.parameters.c: a grid needs a finite list of values.",
        ),
        (
            "  w: {values: [1, 2], probabilities: [0.5, 0.5]}\n",
            "s.yaml:5: parameters.w: a grid takes every value once",
        ),
        (
            "".join(f"  b{i}: {{min: 0, max: 1000000000}}\n" for i in range(4)),
            "s.yaml:3: parameters: the grid has more than",
        ),
        (
            "  w: {distribution: q_uniform, min: 0, max: 4, q: 2}\nenqueue: [{w: 4}]\n",
            "s.yaml:6: enqueue[0].w: the grid has no 4 here.",
        ),
    ],
)
def test_a_grid_that_is_refused(more: str, what: str) -> None:
    assert refusal(SMALL.replace("random", "grid") + more).startswith(what)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ([], "must be a mapping"),
        ({1: 2}, "the key 1 is no text"),
        ({"parameters": {"a": {"values": [{1, 2}]}}}, "parameters.a.values[0]: set is no JSON"),
        ({"parameters": {"a": {"value": b"x"}}}, "parameters.a.value: bytes is no JSON value"),
    ],
)
def test_a_mapping_that_is_no_json(data: Any, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec_from_mapping(data)
    assert what in str(caught.value)


def test_a_mapping_that_holds_itself_is_refused() -> None:
    data: dict[str, Any] = {"method": "random"}
    data["parameters"] = data
    with pytest.raises(SpecError, match="nested too deeply"):
        spec_from_mapping(data)


def test_null_means_none_where_files_in_the_wild_write_it() -> None:
    text = "program: t\nmethod: random\nparameters: {x: {min: 0.0, max: 1.0}}\n"
    spec = load_spec(f"{text}early_terminate: null\nrun_cap: ~\n")
    assert (spec.early_terminate, spec.run_cap) == (None, None)
    assert [warning.partition(":")[0] for warning in spec.warnings] == [
        "early_terminate",
        "run_cap",
    ]
    assert spec_from_mapping(spec.source) == spec


def test_other_programs_placeholders_in_a_command_are_theirs() -> None:
    """Hydra resolves its own `${now:…}`; only what is a macro of W&B's is replaced."""
    argument = "hydra.run.dir=runs/${run_name}/${now:%Y-%m-%d}_${oc.env:WANDB_RUN_ID}"
    text = "method: random\nparameters: {trainer.lr: {min: !!float 1e-5, max: 1.0e-3}}\n"
    spec = load_spec(f"{text}command: [python, t.py, '{argument}', '${{args_no_hyphens}}']\n")
    assert spec.command == ("python", "t.py", argument, "${args_no_hyphens}")


def test_provide_wandb_is_a_key_of_ours() -> None:
    text = "program: t.py\nmethod: random\nparameters: {x: {value: 1}}\n"
    assert not load_spec(text).provide_wandb
    assert load_spec(text + "provide_wandb: true\n").provide_wandb
    with pytest.raises(SpecError, match="provide_wandb"):
        load_spec(text + "provide_wandb: maybe\n")
