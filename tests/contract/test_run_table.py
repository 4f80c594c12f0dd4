"""Runs in groups, the names that their documents have, and values to choose from, on both
databases."""

from __future__ import annotations

import math

import pytest

from controller.store import NewRun, open_store
from controller.store.run_fields import RunField, run_field
from controller.store.run_filters import Order, as_filter
from controller.store.run_groups import COUNT, FIGURES
from controller.store.run_index import RunQuery, Scope


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        yield opened


def add(store, number, config, summary=None, **given):
    said = {"config": config, "started": 1000.0 + number, **given}
    store.register_run(NewRun(f"r{number}", "uid", project="p", **said))
    store.describe_run(f"r{number}", 1, summary=summary or {})


def groups(store, by, columns=(), orders=(), filters=None, **query):
    asked = RunQuery(
        Scope("p"),
        as_filter(filters or {}),
        columns=[run_field(name) for name in columns],
        orders=orders,
        **query,
    )
    return store.group_runs(asked, [run_field(name) for name in by])


def found(store, filters):
    return store.find_runs(RunQuery(Scope("p"), as_filter(filters))).ids


@pytest.fixture
def filled(store):
    add(store, 1, {"opt": "adam", "n": 1}, {"loss": 0.5})
    add(store, 2, {"opt": "adam", "n": 2}, {"loss": 1.5})
    add(store, 3, {"opt": "sgd", "n": 2}, {"loss": math.nan})
    add(store, 4, {"opt": "sgd", "n": 2.0}, {"loss": math.inf})
    add(store, 5, {"n": True}, {"loss": 4})
    return store


def test_groups_have_counts_and_figures(filled):
    page = groups(filled, ["config.opt"], ["summary.loss", "config.n"])
    assert (page.total, page.runs) == (3, 5)
    assert dict(zip(page.values[0], page.counts, strict=True)) == {"adam": 2, "sgd": 2, None: 1}
    loss, n = page.figures
    place = page.values[0].index("adam")
    assert [loss[name][place] for name in ("mean", "min", "max", "std", "count")] == [
        *(1.0, 0.5, 1.5, 0.5, 2)
    ]
    nothing = page.values[0].index("sgd")  # neither NaN nor infinity is a figure
    assert [loss[name][nothing] for name in ("mean", "min", "max", "count")] == [None] * 3 + [0]
    assert loss["kinds"][nothing] == 2
    assert n["value"][nothing] == 2
    assert n["value"][place] is None


def test_groups_go_by_several_fields_and_tell_a_flag_from_a_number(filled):
    page = groups(filled, ["config.opt", "config.n"])
    pairs = set(zip(*page.values, page.counts, strict=True))
    assert pairs == {("adam", 1, 1), ("adam", 2, 1), ("sgd", 2, 2), (None, True, 1)}


def test_groups_are_sorted_and_paged(filled):
    loss = run_field("summary.loss")
    by_loss = [Order(loss, True)]
    assert groups(filled, ["config.opt"], orders=by_loss).values == [[None, "adam", "sgd"]]
    by_name = [Order(run_field("config.opt"), False)]
    assert groups(filled, ["config.opt"], orders=by_name).values == [["adam", "sgd", None]]
    by_count = [Order(COUNT, False)]
    assert groups(filled, ["config.opt"], orders=by_count).values[0][0] is None
    page = groups(filled, ["config.opt"], orders=by_name, offset=1, limit=1)
    assert (page.values, page.total) == ([["sgd"]], 3)
    few = groups(filled, ["config.opt"], filters={"summary.loss": {"$lt": 1}})
    assert (few.values, few.counts, few.runs) == ([["adam"]], [1], 1)
    none = groups(filled, ["config.opt"], ["summary.loss"], filters={"state": "none"})
    assert (none.total, none.values, none.figures[0]["mean"]) == (0, [[]], [])


def test_groups_are_sorted_by_the_figure_that_is_shown(store):
    for number, (name, loss) in enumerate([("wide", 0), ("wide", 10), ("high", 6), ("high", 7)]):
        add(store, number, {"g": name}, {"loss": loss})
    asked = RunQuery(Scope("p"), orders=[Order(run_field("summary.loss"), True)])
    first = {
        figure: store.group_runs(asked, [run_field("config.g")], figure).values[0][0]
        for figure in FIGURES
    }
    assert first == {"mean": "high", "min": "high", "max": "wide", "std": "wide"}


def test_what_a_group_holds_is_found_by_its_values(store):
    values = ["a", 1, 2.5, True, None, ["x", "y"], {"k": 1}, math.nan, -math.inf, 1 << 60]
    for number, value in enumerate(values):
        add(store, number, {"v": value})
    page = groups(store, ["config.v"])
    assert page.counts == [1] * len(values)
    for value in page.values[0]:
        assert len(found(store, {"config.v": {"$eq": value}})) == 1, value
    assert found(store, {"config.v": {"$in": ["a", 1, "NaN", ["x", "y"]]}}) == [
        *("r0", "r1", "r5", "r7")
    ]
    assert found(store, {"config.v": {"$in": ["x"]}}) == ["r5"]


def test_names_of_documents_are_counted_as_runs_change(store):
    def known(document):
        return {
            each.name: (each.runs, each.kinds)
            for each in store.known_fields(Scope("p"))[1][document]
        }

    add(store, 1, {"lr": 0.1, "model": {"layers": 2}}, {"picture": {"_type": "image-file"}})
    assert known("config") == {"lr": (1, ("number",)), "model.layers": (1, ("number",))}
    assert known("summary") == {"picture": (1, ("media",))}
    add(store, 2, {"lr": "auto", "flag": True, "empty": {}, "_wandb": {"x": 1}})
    assert known("config")["lr"] == (2, ("number", "text"))
    assert known("config")["flag"] == (1, ("flag",))
    assert "_wandb.x" not in known("config")
    store.describe_run("r1", 1, summary={"loss": None, "list": [1]})
    assert known("summary") == {"list": (1, ("list",)), "loss": (1, ("null",))}
    store.end_run("r1", 1, 0)
    store.delete_run("r1")
    assert known("summary") == {}
    assert known("config")["lr"][0] == 1
    assert store.known_fields(Scope("p"))[0] == 1


def test_a_run_that_is_deleted_leaves_lists_groups_and_values(filled):
    add(filled, 6, {"opt": "new"})
    assert "new" in groups(filled, ["config.opt"]).values[0]
    filled.end_run("r6", 1, 0)
    filled.delete_run("r6")
    assert "new" not in groups(filled, ["config.opt"]).values[0]
    assert found(filled, {"config.opt": "new"}) == []
    assert found(filled, {"config.opt": {"$ne": "new"}}) == ["r1", "r2", "r3", "r4", "r5"]
    add(filled, 6, {"opt": "again"})
    assert found(filled, {"config.opt": "again"}) == ["r6"]


def test_values_to_choose_from(filled):
    filled.edit_run("r1", metadata={"tags": ["a", "b"]})
    filled.edit_run("r2", metadata={"tags": ["b"]})

    def values(name, limit=10):
        return filled.run_values(RunQuery(Scope("p")), run_field(name), limit)

    assert values("config.opt").frequent[:2] in (
        [("adam", 2), ("sgd", 2)],
        [("sgd", 2), ("adam", 2)],
    )
    assert values("config.opt", 1).frequent == values("config.opt").frequent[:1]
    assert values("summary.loss").span == (0.5, 4.0)
    assert values("config.opt").span is None
    assert values("tags").members == [("b", 2), ("a", 1)]


def test_tags_of_many_runs(filled):
    filled.edit_run("r1", metadata={"tags": ["old"], "notes": "kept"})
    assert filled.tag_runs(["r1", "r2", "gone"], ["new", "new"], ["old"]) == 2
    assert found(filled, {"tags": "new"}) == ["r1", "r2"]
    assert found(filled, {"tags": "old"}) == []
    assert filled.get_run("r1").metadata == {"tags": ["new"], "notes": "kept"}
    before = filled.get_run("r2").updated
    assert filled.tag_runs(["r2"], ["new"], []) == 1
    assert filled.get_run("r2").updated == before  # nothing changed, and nobody is told so


def test_a_number_beyond_64_bits_stays_exact(store):
    add(store, 1, {"seed": 10**30, "lr": math.nan})
    page = store.find_runs(
        RunQuery(Scope("p"), columns=[run_field("config.seed"), run_field("config.lr")])
    )
    assert page.columns == [[10**30], ["NaN"]]
    assert RunField("config", "seed") in RunQuery(columns=[run_field("config.seed")]).fields()
