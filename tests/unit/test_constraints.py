"""`constraints:`: a small language, safe to be given by anybody, and what a sweep makes of it."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest

from sweeps.arithmetic import Uncomputable
from sweeps.constraints import MOST_CHARACTERS, parse_constraint
from sweeps.errors import SpecError
from sweeps.search import Ended, make_searcher
from sweeps.search.axes import Axes
from sweeps.search.grid import GridSearch
from sweeps.spec import SweepSpec, load_spec, spec_from_mapping
from sweeps.trial import TrialState

VALUES: dict[str, Any] = {
    "a": 2, "b": 3, "c.d": 4, "opt": "sgd", "layers": [1, 2], "on": True,
    "learning-rate": 0.1, "lambda": 0.5, "x": 0.0,
}  # fmt: skip
KNOWN = {name: isinstance(value, bool) for name, value in VALUES.items()}
PARAMETERS = {
    "batch_size": {"values": [16, 32, 64]},
    "accumulate": {"min": 1, "max": 64},
    "opt": {"values": ["adam", "sgd"]},
    "lr": {"min": 0.001, "max": 1.0},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a * b <= 512", True),
        (" a*b > 6 ", False),
        ("opt != 'sgd' or x < 0.1", True),
        ("c.d + 1 == 5 and not (a > b)", True),
        ("1 < a < b < 3", False),
        ("opt in ['adam', \"sgd\"]", True),
        ("opt not in ('adam', 'sgd')", False),
        ("on", True),
        ("opt == None", False),
        ("`learning-rate` < `lambda`", True),
        ("'a `b`' == opt", False),
        ("len(layers) <= 2 and sum(layers) == 3", True),
        ("min(a, b) == 2 and max(layers) == 2 and abs(-a) == 2", True),
        ("2 ** a == 4 and b // a == 1 and b % a == 1", True),
        ("log2(c.d) == 2 and sqrt(c.d) == 2 and floor(a / b) == 0", True),
        ("(a + 7)**9**9 > b", True),  # infinite, and at once
        ("(a + 7)**9**9 - (b + 7)**9**9 < b", False),
        ("(a > 1) + (b > 2) + on == 3", True),
        ("a < 2 ** 3 - 2 * 3 + 0.5", True),
        ("a / x < 3", False),  # no value
        ("log(-a) < 3", False),
        ("(-a) ** 0.5 < 3", False),
    ],
)
def test_what_holds(text: str, holds: bool) -> None:
    assert parse_constraint(text, KNOWN).value(VALUES) is holds


def test_one_that_names_what_is_not_there_holds() -> None:
    assert parse_constraint("a > 99 and b < 0", KNOWN).holds({"a": 1})


@pytest.mark.parametrize("text", ["opt * 2 < 3", "opt * 9 == opt", "opt < a", "a in 'abc'"])
def test_what_cannot_be_computed_does_not_hold(text: str) -> None:
    constraint = parse_constraint(text, KNOWN)
    assert not constraint.holds(VALUES)
    with pytest.raises(Uncomputable):
        constraint.value(VALUES)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("aa < 3", "column 1 of `aa < 3`: there is no parameter `aa`. Did you mean `a`?"),
        ("a < 3 and lambda < 1", "column 11 of"),
        ("learning-rate < 1", "Such a name stands in backticks."),
        ("a * b", "this neither holds nor not."),
        ("1 < 2", "names no parameter"),
        ("True", "names no parameter"),
        ("a < 3 or 1 < 2", "column 10 of `a < 3 or 1 < 2`: this names no parameter"),
        ("a", "column 1 of `a`: `a` is not true or false. Compare it: `a > 0`, say."),
        ("not opt", "`opt` is not true or false"),
        ("on and b", "column 8 of `on and b`: `b` is not true or false"),
        ("(a or on) == True", "`a` is not true or false"),
        ("a < 3 or min(a, b)", "this neither holds nor not."),
        ("9**9**9**9 > a", "this has no finite value, whatever the parameters are."),
        ("a < 1 / 0", "this has no finite value"),
        ("a < log(0)", "this has no finite value"),
        ("a < 1e308 * 10", "this has no finite value"),
        ("a < 'x' * 3", "this cannot be computed: 'x' is no number."),
        ("a && b", "column 3 of `a && b`: `&&` is no sign here. Write `and`."),
        ("a = 3", "Write `==`."),
        ("!a", "Write `not`."),
        ("a <", "this is no expression."),
        ("a < 3) or (b < 3", "this is no expression."),
        ("", "this is no expression."),
        ("a\n< 3", "more than one line"),
        ("a.__class__ == 1", "there is no parameter `a.__class__`"),
        ("''.join(layers) == 'a'", "this cannot stand in a constraint."),
        ("__import__('os') == a", "there is no function `__import__`"),
        ("open('f') == a", "there is no function `open`"),
        ("len(a, b) > 1", "`len` takes one value."),
        ("(lambda: a)() < 1", "this cannot stand"),
        ("[a for a in b] == 1", "this cannot stand"),
        ("a[0] < 1", "this cannot stand"),
        ("(a := 3) < 2", "this cannot stand"),
        ("a if b else opt", "this cannot stand"),
        ("f'{a}' == 'a'", "this cannot stand"),
        ("a << 99 < 3", "this cannot stand"),
        ("max(*layers) < 3", "this cannot stand"),
        ("a < 1j", "this cannot stand"),
        ("'é' == opt and aa < 3", "column 16 of"),
        ("-" * 600 + "a < 3", "more than 200 parts"),
        ("(" * 300 + "a" + ")" * 300 + " < 1", "this is no expression"),
        ("a < " + "1" * MOST_CHARACTERS, "longer than"),
    ],
)
def test_what_is_refused(text: str, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec_from_mapping(
            {
                "method": "random",
                "parameters": {
                    name: {"value": value} for name, value in VALUES.items() if "." not in name
                },
                "constraints": [text],
            }
        )
    assert str(caught.value).startswith("constraints[0]: ")
    assert what in str(caught.value)


def spec(*constraints: Any, **more: Any) -> SweepSpec:
    return spec_from_mapping(
        {"method": "random", "parameters": PARAMETERS, "constraints": list(constraints), **more}
    )


def test_draws_keep_them() -> None:
    limits = spec("batch_size * accumulate <= 256", "opt != 'sgd' or lr < 0.1")
    for n in range(50):
        config = limits.parameters.sample(numpy.random.default_rng(n))
        assert config["batch_size"] * config["accumulate"] <= 256
        assert config["opt"] != "sgd" or config["lr"] < 0.1


@pytest.mark.parametrize(
    ("constraints", "more", "what"),
    [
        (
            ["lr < 2", "batch_size < 10"],
            {},
            "constraints[1]: of 10,000 configurations drawn at random, next to none keep "
            "`batch_size < 10`. Loosen it",
        ),
        (
            ["lr < 2", "accumulate > 40", "batch_size > 16", "accumulate < batch_size / 2"],
            {},
            "constraints[3]: of 10,000 configurations drawn at random, next to none keep both "
            "this, `accumulate < batch_size / 2`, and `accumulate > 40`. Loosen one of them",
        ),
        (
            [
                "lr < 0.5 or opt == 'sgd'",
                "lr > 0.5 or opt == 'sgd'",
                "lr > 0.5 or opt != 'sgd'",
                "lr < 0.5 or opt != 'sgd'",
            ],
            {},
            "constraints: of 10,000 configurations drawn at random, next to none keep them all.",
        ),
        (["accumulate * lr < 0.002"], {}, "keep"),
        (["opt * 2 < 3"], {}, "constraints[0]: `opt * 2 < 3` cannot be computed for {'opt': "),
        ([3], {}, "constraints[0]: must be an expression in quotes."),
        (["lr > 2"] * 101, {}, "constraints: there are 101; 100 are the most."),
        (["lr < 0.5"], {"enqueue": [{"lr": 0.7}]}, "enqueue[0]: the constraint `lr < 0.5`"),
        (
            ["batch_size * accumulate <= 256", "opt != 'sgd' or batch_size < 20"],
            {"enqueue": [{"accumulate": 16, "opt": "sgd"}, {"accumulate": 17, "opt": "sgd"}]},
            "enqueue[1]: of 10,000 configurations",
        ),
    ],
)
def test_a_file_that_leaves_nothing_is_refused(
    constraints: list[Any], more: dict[str, Any], what: str
) -> None:
    with pytest.raises(SpecError) as caught:
        spec(*constraints, **more)
    assert what in str(caught.value)


def test_a_grid_leaves_out_what_they_exclude() -> None:
    grid_spec = spec_from_mapping(
        {
            "method": "grid",
            "parameters": {name: {"min": 1, "max": 6} for name in "ab"},
            "constraints": ["a * b <= 6", "a != b"],
            "enqueue": [{"a": 2}],
        }
    )
    searcher = make_searcher(grid_spec, 1)
    assert isinstance(searcher, GridSearch)
    assert searcher.total == 12
    configs = [each.config for each in searcher.ask(100)]
    assert configs[0] == {"a": 2, "b": 1}
    assert len(configs) == len({str(config) for config in configs}) == 12 == searcher.total
    assert all(each["a"] * each["b"] <= 6 and each["a"] != each["b"] for each in configs)


@pytest.mark.parametrize(
    ("most", "constraint", "what"),
    [
        (6, "a + b > 99", "no point of the grid keeps `a [+] b > 99`"),
        (999, "a < b", "at most it can be said"),
    ],
)
def test_a_grid_that_is_refused(most: int, constraint: str, what: str) -> None:
    parameters = {name: {"min": 1, "max": most} for name in "ab"}
    with pytest.raises(SpecError, match=what):
        spec_from_mapping({"method": "grid", "parameters": parameters, "constraints": [constraint]})


def test_coordinates_are_held_against_them() -> None:
    axes = Axes(spec("batch_size * accumulate <= 256").parameters)
    assert axes.constrained
    assert axes.allows({"batch_size": 2, "accumulate": 4, "opt": 0, "lr": 0.5})
    assert not axes.allows({"batch_size": 2, "accumulate": 5, "opt": 0, "lr": 0.5})
    fixed = spec_from_mapping(
        {
            "method": "random",
            "parameters": {"a": {"min": 1, "max": 6}, "b": {"value": 2}},
            "constraints": ["a * b <= 6"],
        }
    )
    assert [Axes(fixed.parameters).allows({"a": n}) for n in (3, 4)] == [True, False]
    finite = spec_from_mapping(
        {
            "method": "random",
            "parameters": {name: {"min": 1, "max": 6} for name in "ab"},
            "constraints": ["a * b <= 6"],
        }
    )
    assert len(list(Axes(finite.parameters).ring({"a": 1, "b": 1}))) == 14


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_searchers_keep_them_and_leave_out_what_is_not_there(method: str) -> None:
    searcher = make_searcher(
        spec_from_mapping(
            {
                "method": method,
                "metric": {"name": "loss"},
                "parameters": {
                    "opt": {"values": ["adam", "sgd"]},
                    "momentum": {"min": 0.0, "max": 1.0, "when": {"opt": "sgd"}},
                    "lr": {"min": 0.0, "max": 1.0},
                },
                "constraints": ["momentum + lr < 0.9"],
            }
        ),
        7,
    )
    for _ in range(25):
        (suggestion,) = searcher.ask(1)
        config = suggestion.config
        assert ("momentum" in config) == (config["opt"] == "sgd")
        assert config.get("momentum", 0.0) + config["lr"] < 0.9 or config["opt"] == "adam"
        value = (config["lr"] - 0.8) ** 2 + (config.get("momentum", 0.9) - 0.7) ** 2
        searcher.tell(Ended(suggestion.number, TrialState.FINISHED, value))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("opt == 'Adam' or lr < 0.1", "column 8 of `opt == 'Adam' or lr < 0.1`: never so: opt "
         "must be one of 'adam', 'sgd', not 'Adam'. Did you mean 'adam'?"),
        ("'sdg' != opt or lr < 0.1", "not 'sdg'. Did you mean 'sgd'?"),
        ("opt in ['adam', 'adamw'] or lr < 0.1", "column 17 of"),
        ("opt not in ('sgd', None)", "not None."),
        ("batch_size != '16' or lr < 0.1", "not '16'. Did you mean 16?"),
        ("accumulate == -1 or lr < 0.1", "must be a whole number from 1 to 64, not -1."),
        ("1 <= accumulate == 65 or lr < 0.1", "not 65."),
    ],
)  # fmt: skip
def test_a_value_that_a_parameter_never_has_is_refused(text: str, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(file_with(text), path="s.yaml")
    assert str(caught.value).startswith("s.yaml:9: constraints[0]: column ")
    assert what in str(caught.value)


def test_a_value_that_a_parameter_may_have_is_not() -> None:
    for text in (
        "opt == 'adam' or accumulate == 3.0",
        "`name` == 'other' or lr <= 1",  # a constant: another file may have had another
        "batch_size == 16.0 or lr == 0.5 or lr < 7",
        "opt == name or batch_size == accumulate * 3 or lr < 7",
    ):
        assert load_spec(file_with(text)).parameters.constraints[0].text == text


def file_with(constraint: str) -> str:
    return (
        "program: t.py\nmethod: random\nparameters:\n"
        "  opt: {values: [adam, sgd]}\n  lr: {min: 0.0, max: 1.0}\n"
        "  accumulate: {min: 1, max: 64}\n  batch_size: {values: [16, 32]}\n"
        f"  name: {{value: adam}}\nconstraints: [{json.dumps(constraint)}]\n"
    )
