"""What holds for every space that a sweep file can describe."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweeps.distributions import Categorical, Continuous, IntUniform, canonical
from sweeps.space import Space
from sweeps.spec import SweepSpec, spec_from_mapping

# A busy machine is no failure: time is not what is tested here.
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,5}", fullmatch=True)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)
STEP = st.integers(1, 7) | st.sampled_from([0.1, 0.25, 0.3, 1.0])


@st.composite
def ranges(draw: st.DrawFn, low: float, high: float) -> dict[str, Any]:
    """min < max, far enough apart for a float between them."""
    start = draw(st.integers(int(low), int(high) - 1) | st.floats(low, high - 1))
    width = draw(st.integers(1, 50) | st.floats(1e-3, 50))
    return {"min": start, "max": start + width}


@st.composite
def continuous(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(["uniform", "log_uniform_values", "inv_log_uniform_values",
        "log_uniform", "inv_log_uniform", "normal", "log_normal", "beta"]))  # fmt: skip
    found: dict[str, Any] = {"distribution": name}
    if "uniform" in name:
        low = 0.001 if name.endswith("_values") else -20
        found |= draw(ranges(max(low, 1) if low > 0 else low, 20))
    elif "normal" in name:
        found |= {"mu": draw(st.floats(-5, 5)), "sigma": draw(st.floats(0.01, 3))}
    else:
        found |= {"a": draw(st.floats(0.5, 5)), "b": draw(st.floats(0.5, 5))}
    if not name.startswith("inv") and draw(st.booleans()):
        found |= {"distribution": f"q_{name}", "q": draw(STEP)}
    return found


def finite() -> st.SearchStrategy[dict[str, Any]]:
    """Parameters with a finite list of values."""
    return st.one_of(
        st.fixed_dictionaries({"value": JSON}),
        st.fixed_dictionaries({"values": st.lists(JSON, min_size=1, max_size=4)}),
        st.builds(
            lambda low, width: {"min": low, "max": low + width},
            st.integers(-5, 5),
            st.integers(1, 3),
        ),
        st.builds(
            lambda bounds, parts: {
                "distribution": "q_uniform",
                **bounds,
                "q": (bounds["max"] - bounds["min"]) / parts,
            },
            ranges(-20, 20),
            st.floats(0.5, 4),
        ),
    )


def trees(leaf: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A `parameters` section, nested or not."""
    level = st.dictionaries(NAMES, leaf, min_size=1, max_size=3)
    return st.recursive(
        level,
        lambda inner: st.dictionaries(
            NAMES,
            leaf | st.builds(lambda below: {"parameters": below}, inner),
            min_size=1,
            max_size=3,
        ),
        max_leaves=2,
    )


def spec(parameters: dict[str, Any], **more: Any) -> SweepSpec:
    return spec_from_mapping({"method": "random", "parameters": parameters, **more})


def one(parameter: dict[str, Any]) -> Any:
    return spec({"p": parameter}).parameters.parameters[0].distribution


SEEDS = st.integers(0, 2**32)


@calm
@given(trees(continuous() | finite()), SEEDS)
def test_every_sample_fits_its_space_and_is_plain_json(tree: dict[str, Any], seed: int) -> None:
    space = spec(tree).parameters
    config = space.sample(numpy.random.default_rng(seed))
    space.check(config)
    assert json.loads(json.dumps(config)) == config
    assert space.nest(space.flatten(config)) == config
    assert len(space.flatten(config)) == len(space.parameters)


@calm
@given(continuous(), SEEDS)
def test_samples_lie_in_range_and_on_their_steps(parameter: dict[str, Any], seed: int) -> None:
    found = one(parameter)
    assert isinstance(found, Continuous)
    rng = numpy.random.default_rng(seed)
    low, high = found.support
    for value in (found.sample(rng) for _ in range(20)):
        slack = 0.0 if found.q is None else found.q / 2 + 1e-9
        assert low - slack <= value <= high + slack
        if found.q is not None:
            assert value == round(value / found.q) * found.q
            assert isinstance(value, type(found.q))


@calm
@given(continuous(), st.floats(0.001, 0.999))
def test_ppf_is_the_inverse_of_cdf(parameter: dict[str, Any], u: float) -> None:
    found = one(parameter)
    x = found.ppf(u)
    # Where a bound is 10^9 times the width of the range, the bits of x bound the accuracy of u.
    assert math.isclose(found.cdf(x), u, rel_tol=1e-6, abs_tol=1e-9)
    assert math.isclose(found.ppf(found.cdf(x)), x, rel_tol=1e-6, abs_tol=1e-9)


@calm
@given(continuous(), st.lists(st.floats(0, 1), min_size=2, max_size=10))
def test_ppf_rises_and_cdf_stays_in_0_to_1(parameter: dict[str, Any], us: list[float]) -> None:
    found = one(parameter)
    values = [found.ppf(u) for u in sorted(us)]
    assert values == sorted(values)
    assert all(0 <= found.cdf(x) <= 1 for x in [*values, -1e9, 0.0, 1e9])


@calm
@given(st.lists(JSON, min_size=1, max_size=6), SEEDS)
def test_a_categorical_draws_only_its_values(values: list[Any], seed: int) -> None:
    drawn = one({"values": values}).sample(numpy.random.default_rng(seed))
    assert canonical(drawn) in {canonical(value) for value in values}


@settings(calm, max_examples=50)
@given(trees(finite()))
def test_a_grid_is_complete_and_distinct(tree: dict[str, Any]) -> None:
    space = spec(tree).parameters
    grid = space.grid()
    points = [grid[i] for i in range(min(len(grid), 200))]
    keys = [_key(space, point) for point in points]
    assert len(set(keys)) == len(keys)
    assert [grid.find(point) for point in points] == list(range(len(points)))
    expected = 1
    for parameter in space.parameters:
        found = parameter.distribution
        if isinstance(found, Categorical):
            expected *= len({canonical(value) for value in found.values})
        elif isinstance(found, IntUniform):
            expected *= found.high - found.low + 1
        elif isinstance(found, Continuous):
            assert found.q is not None
            low, high = found.support
            expected *= len(numpy.arange(low, high, found.q))
    assert len(grid) == expected


def _key(space: Space, config: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(canonical(value) for value in space.flatten(config).values())


@calm
@given(JSON, JSON)
def test_canonical_tells_apart_what_json_tells_apart(left: Any, right: Any) -> None:
    def text(value: Any) -> str:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return json.dumps(value, sort_keys=True)

    assert (canonical(left) == canonical(right)) == (text(left) == text(right))


@calm
@given(trees(continuous() | finite()), SEEDS, st.integers(0, 5))
def test_a_spec_is_rebuilt_from_its_source(tree: dict[str, Any], seed: int, retries: int) -> None:
    enqueued = spec(tree).parameters.sample(numpy.random.default_rng(seed))
    first = spec(
        tree, seed=seed, enqueue=[enqueued], retry={"max": retries}, metric={"name": "loss"}
    )
    assert spec_from_mapping(first.source) == first
    assert spec_from_mapping(json.loads(json.dumps(first.source))) == first
