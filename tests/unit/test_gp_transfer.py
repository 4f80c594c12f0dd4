"""What prior runs are worth to a model, on whatever scale their values are."""

from __future__ import annotations

import numpy as np
import pytest

from sweeps.metrics import front
from sweeps.search import Ended, Prior, make_searcher
from sweeps.search.gp.outputs import standardised
from sweeps.search.gp.process import Process, fit
from sweeps.search.gp.spending import Spending
from sweeps.search.gp.transfer import MOST_PRIOR, Own, aligned, chosen, with_source
from sweeps.spec import spec_from_mapping
from sweeps.trial import TrialState

NUMBERS = np.zeros(2, bool)
OWN = np.random.default_rng(1).random((6, 2))
PRIOR = np.random.default_rng(2).random((40, 2))


def moved(prior: np.ndarray, own: np.ndarray = OWN) -> np.ndarray | None:
    values = standardised(prior)
    process = Process(fit(PRIOR, values, NUMBERS), NUMBERS, PRIOR)
    process.observe(values)
    return aligned(process, prior, own, bowl(own))


def bowl(points: np.ndarray) -> np.ndarray:
    values: np.ndarray = ((points - 0.4) ** 2 * [1.0, 3.0]).sum(1)
    return values


def test_the_same_scale_is_left_alone() -> None:
    found = moved(bowl(PRIOR))
    assert found is not None
    assert (found == bowl(PRIOR)).all()


def test_another_scale_is_found() -> None:
    found = moved(100.0 + 30.0 * bowl(PRIOR))
    assert found == pytest.approx(bowl(PRIOR), abs=0.02)


@pytest.mark.parametrize("prior", [-bowl(PRIOR), np.full(40, 5.0)])
def test_what_points_the_other_way_or_nowhere_is_of_no_use(prior: np.ndarray) -> None:
    assert moved(prior) is None


def test_before_there_are_trials_of_its_own_prior_runs_are_all_there_is() -> None:
    values = -bowl(PRIOR)
    for n in (0, 1, 2):
        assert moved(values, OWN[:n]) is values


def test_of_many_the_better_half_and_some_of_the_rest() -> None:
    values = np.random.default_rng(0).permutation(1000).astype(float)
    found = chosen(values)
    assert len(set(found.tolist())) == MOST_PRIOR
    assert (np.sort(values[found])[: MOST_PRIOR // 2] == np.arange(MOST_PRIOR // 2)).all()
    assert values[found].max() == 999
    assert chosen(values[:9]).tolist() == list(range(9))


@pytest.mark.parametrize(("sign", "apart"), [(1.0, False), (-1.0, True)])
def test_the_evidence_says_how_far_apart_the_sources_are(sign: float, apart: bool) -> None:
    own = np.random.default_rng(5).random((20, 2))
    values = standardised(np.r_[sign * bowl(PRIOR), bowl(own)])
    points = np.vstack([with_source(PRIOR, prior=True), with_source(own, prior=False)])
    categorical = np.array([False, False, True])
    found = fit(points, values, categorical)
    process = Process(found, categorical, points)
    process.observe(values)
    assert bool(found.weights[-1] > 0.1) is apart
    here, there = (process.posterior(with_source(own, prior=p))[0] for p in (False, True))
    assert bool(np.corrcoef(here, there)[0, 1] > 0.9) is not apart


def test_a_term_of_the_sweeps_own_points() -> None:
    points = np.vstack([with_source(PRIOR, prior=True), with_source(OWN, prior=False)])
    inner = Spending(points, np.exp(points[:, 0] + points[:, 2]), np.array([False, False, True]))
    own = Own(inner)
    value, gradient = own.value_and_gradient(OWN)
    assert value == pytest.approx(own.value(OWN))
    assert value == pytest.approx(inner.value(points[-6:]))
    step = np.array([1e-5, 0.0])
    slope = (own.value(OWN + step) - own.value(OWN - step)) / 2e-5
    assert gradient.shape == OWN.shape
    assert gradient[:, 0] == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_several_objectives_are_aligned_each_by_itself() -> None:
    """Prior runs of other scales, one objective's shifted up and the other one's down, lead to the
    trade-offs; as they are, they would stand in their way."""
    spec = spec_from_mapping(
        {
            "method": "bayes",
            "parameters": {name: {"min": 0.0, "max": 1.0} for name in "xyz"},
            "metrics": [{"name": name, "goal": "minimize"} for name in "ab"],
        }
    )

    def both(config: dict[str, float]) -> tuple[float, float]:
        point = np.array([config[name] for name in "xyz"])
        centres = np.array([[0.2, 0.3, 0.7], [0.8, 0.6, 0.4]])
        a, b = ((point - centres) ** 2).sum(axis=1).tolist()
        return a, b

    configs = [dict(zip("xyz", p, strict=True)) for p in np.random.default_rng(0).random((30, 3))]
    prior = [Prior(c, 3 * both(c)[0] + 5, {"b": 0.2 * both(c)[1] - 3}) for c in configs]
    searcher = make_searcher(spec, 0, prior)
    found = {}
    for _ in range(10):
        trial = searcher.ask(1)[0]
        found[trial.number] = both(trial.config)
        a, b = found[trial.number]
        searcher.tell(Ended(trial.number, TrialState.FINISHED, a, {"b": b}))
    # On the line between the centres a's root and b's add up to their distance, elsewhere to more.
    far = {n: a**0.5 + b**0.5 for n, (a, b) in found.items()}
    assert len(front(found)) >= 6
    assert np.median([far[n] for n in far if n > 4]) < 0.735 * 1.06
