"""What a store keeps of a sweep whose file changes, of its agents, and of its runs' names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.store import Store, open_store
from controller.store.records import NewTrial
from sweeps.errors import NotFoundError
from sweeps.trial import AttemptState, Outcome, Reason, SweepState

SPEC = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}


@pytest.fixture
def store(migrated_url: str) -> Iterator[Store]:
    with open_store(migrated_url) as made:
        made.create_sweep(
            sweep_id="aaaa1111",
            name="one",
            project="p",
            yaml="method: random",
            spec=SPEC,
            seed=1,
            origin={},
            prior=[{"run": "r", "config": {"x": 0.5}, "objective": None}],
        )
        yield made


def add_trials(store: Store, count: int) -> None:
    store.set_sweep_state("aaaa1111", SweepState.RUNNING)
    generation = store.take_sweep("aaaa1111", "me", 60)
    assert generation is not None
    new = [NewTrial(n, {"x": n / 10}) for n in range(1, count + 1)]
    store.add_trials("aaaa1111", generation, new, {})


def test_a_change_is_seen_and_the_rest_stays(store: Store) -> None:
    before = store.get_sweep("aaaa1111")
    assert (before.changed, before.prior[0]["run"]) == (None, "r")
    assert store.change_sweep("aaaa1111", name="two").changed is None  # the file is the same
    changes = set()
    for number in range(5):
        after = store.change_sweep("aaaa1111", yaml=f"# {number}", spec={**SPEC, "seed": number})
        changes.add(after.changed)
    assert None not in changes
    assert len(changes) == 5
    assert (after.name, after.yaml, after.spec["seed"]) == ("two", "# 4", 4)
    assert after.prior == before.prior
    assert store.change_sweep("aaaa1111", prior=[]).prior == []
    with pytest.raises(NotFoundError):
        store.change_sweep("bbbb2222", name="x")


def test_the_agents_of_a_sweep(store: Store) -> None:
    add_trials(store, 3)
    for trial, agent in [("aaaa1111-1", "first"), ("aaaa1111-2", "other"), ("aaaa1111-3", "first")]:
        store.start_attempt(trial, 1, agent_id=agent, host=f"{agent}-box", device="")
    outcome = Outcome(AttemptState.FINISHED, Reason.OK)
    store.end_attempt("aaaa1111-1", 1, outcome, retry=lambda _: False)
    first, other = store.sweep_agents("aaaa1111")
    assert (first.agent_id, first.host, first.attempts) == ("first", "first-box", 2)
    assert first.began is not None
    assert first.ended is not None
    assert first.ended >= first.began
    assert (other.agent_id, other.attempts, other.ended) == ("other", 1, None)
    assert store.agent_trials("aaaa1111", "first") == ["aaaa1111-1", "aaaa1111-3"]
    assert store.sweep_agents("bbbb2222") == store.agent_trials("aaaa1111", "nobody") == []


def test_the_name_of_a_later_attempt_finds_the_trials_run(store: Store) -> None:
    add_trials(store, 1)
    for name in ("aaaa1111-1", "aaaa1111-1_2", "aaaa1111-1_13"):
        assert store.find_run("p", name).id == "aaaa1111-1"
    for project, name in [("q", "aaaa1111-1_2"), ("p", "aaaa1111-2_2"), ("p", "aaaa1111-1_x")]:
        with pytest.raises(NotFoundError):
            store.find_run(project, name)
