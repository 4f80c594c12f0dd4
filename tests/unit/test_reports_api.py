"""Reports over HTTP, and what their panels show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from test_server_api import World, running

from controller.reports.blocks import KINDS, panel_blocks, parse_panel
from controller.store import Chunk, ChunkKind, NewRun
from controller.store.keys import Role
from sweeps.errors import SpecError
from sweeps.protocol.chunks import encode

TRIALS = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A project `vision` of four runs, and a sweep."""
    with running(tmp_path_factory.mktemp("reports")) as here:
        for i, loss in enumerate([0.4, 0.1, 0.3, 0.2]):
            config = {"lr": i / 10, "model": {"depth": i}}
            here.store.register_run(
                NewRun(f"r{i}", f"uid{i}", project="vision", name=f"run {i}", config=config)
            )
            media = {"_type": "image-file", "path": f"media/{i}.png", "sha256": "0" * 64}
            rows: list[tuple[int, float, dict[str, Any]]] = [
                (s, 10.0 + s, {"loss": loss + 1 / (s + 1)}) for s in range(50)
            ]
            rows[7][2]["picture"] = media
            here.store.add_chunk(Chunk(f"r{i}", 1, ChunkKind.HISTORY, 0, 0, 49, 50, encode(rows)))
            here.store.describe_run(f"r{i}", 1, summary={"loss": loss, "note": "x"})
            here.store.end_run(f"r{i}", 1, 0 if i else 1)
        yield here


def send(world: World, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    return world.raw(method, path, b"" if body is None else json.dumps(body).encode(), **headers)


def panel(world: World, text: str, project: str = "vision") -> dict[str, Any]:
    status, answer = send(world, "POST", "/api/panels", {"project": project, "text": text})
    assert status == 200, answer
    return dict(answer)


def test_the_life_of_a_report(world: World) -> None:
    given = {"project": "vision", "title": "  First\n report ", "text": "# a"}
    status, made = send(world, "POST", "/api/reports", given)
    assert status == 200
    assert (made["title"], made["version"], made["author"]) == ("First report", 1, "owner")
    path = f"/api/reports/{made['id']}"
    assert send(world, "GET", path) == (200, made)
    (listed,) = send(world, "GET", "/api/reports?project=vision")[1]["reports"]
    assert listed == {**made, "text": None}
    assert send(world, "GET", "/api/reports?project=other")[1] == {"reports": []}

    status, changed = send(world, "PUT", path, {"version": 1, "title": "t", "text": "b"})
    assert (status, changed["version"], changed["text"]) == (200, 2, "b")
    status, refused = send(world, "PUT", path, {"version": 1, "title": "t", "text": "c"})
    assert (status, refused["error"]["kind"]) == (409, "ReportChanged")
    assert send(world, "GET", path)[1]["text"] == "b"

    assert send(world, "DELETE", path)[0] == 204
    assert send(world, "GET", path)[0] == 404


def test_who_may_only_read_reads_reports_and_panels(world: World) -> None:
    _, key = world.store.add_key("reader", Role.READ)
    world.services.keys.forget()
    reader = {"Authorization": f"Bearer {key}"}
    body = {"project": "vision", "text": "kind: number"}
    assert send(world, "POST", "/api/panels", body, **reader)[0] == 200
    assert send(world, "GET", "/api/reports", **reader)[0] == 200
    given = {"project": "vision", "title": "t", "text": ""}
    assert send(world, "POST", "/api/reports", given, **reader)[0] == 403


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"title": "", "text": ""}, "title"),
        ({"title": " \n ", "text": ""}, "title"),
        ({"title": "t" * 301, "text": ""}, "title"),
        ({"title": "t", "text": "x" * 200_001}, "text"),
        ({"title": "t"}, "text: missing"),
    ],
)
def test_what_is_no_report(world: World, body: Any, words: str) -> None:
    status, answer = send(world, "POST", "/api/reports", {"project": "vision", **body})
    assert status == 400
    assert words in answer["error"]["message"]


def test_curves_of_the_runs_that_fit(world: World) -> None:
    good = '{"summary.loss": {"$lt": 0.35}}'
    text = f"kind: curves\nfilters: {good}\norder: +summary.loss\nmetrics: loss"
    found = panel(world, text)
    assert [run["id"] for run in found["runs"]] == ["r1", "r3", "r2"]
    assert found["topics"] == ["project/vision"]
    assert found["panel"] == {
        "kind": "curves",
        "title": "",
        "height": 0,
        "metrics": ["loss"],
        "x": "_step",
        "smoothing": 0.0,
        "log": [],
    }
    assert found["series"] == {
        "runs": ["r1", "r3", "r2"],
        "keys": ["loss"],
        "x": "_step",
        "points": 800,
    }
    limited = panel(world, text + "\nlimit: 2")
    assert (len(limited["runs"]), limited["total"]) == (2, 3)


def test_a_table_has_the_columns_that_it_names(world: World) -> None:
    names = "name, state, config.model.depth, summary.loss, summary.none"
    text = f"kind: table\nruns: [r1, r0]\ncolumns: [{names}]"
    found = panel(world, text)
    assert found["rows"] == [["run 1", "finished", 1, 0.1, None], ["run 0", "failed", 0, 0.4, None]]
    assert found["topics"] == ["run/r1", "run/r0"]
    usual = panel(world, "kind: table")
    assert usual["columns"][:3] == ["name", "state", "config.lr"]
    assert len(usual["rows"]) == 4


@pytest.mark.parametrize(
    ("more", "value"),
    [
        ("", 4),
        ("filters: {state: finished}", 3),
        ("value: summary.loss\nshow: min", 0.1),
        ("value: summary.loss\nshow: max", 0.4),
        ("value: summary.loss\nshow: count", 4),
        ("value: summary.loss\nshow: median\nruns: [r1, r3, r2]", 0.2),
        ("value: summary.note\nshow: mean", None),
    ],
)
def test_a_number(world: World, more: str, value: Any) -> None:
    assert panel(world, f"kind: number\n{more}")["value"] == value


def test_media_and_differences(world: World) -> None:
    items = panel(world, "kind: media\nkey: picture\nruns: [r2]")["items"]
    assert [(item["run"], item["step"], item["value"]["path"]) for item in items] == [
        ("r2", 7, "media/2.png")
    ]
    documents = panel(world, "kind: compare\nruns: [r1, r2]")["documents"]
    assert [each["summary"]["loss"] for each in documents] == [0.1, 0.3]


def test_a_sweep(world: World) -> None:
    sweep = world.sweep_with_trials(TRIALS)
    found = panel(world, f"kind: parallel\nsweep: {sweep}")
    assert found["topics"] == [f"sweep/{sweep}"]
    assert found["sweep"]["id"] == sweep
    assert panel(world, f"kind: best\nsweep: {sweep}")["trials"] == []
    assert panel(world, f"kind: number\nsweep: {sweep}")["value"] == TRIALS

    report = send(world, "GET", f"/api/sweeps/{sweep}/report")[1]
    blocks = panel_blocks(report["text"])
    assert {parse_panel(block).kind for block in blocks} >= {"best", "objective", "table"}
    for block in blocks:
        assert panel(world, block, report["project"])["panel"]["kind"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected fields"),
        ("kind: pie", "kind: expected one of curves"),
        ("kind: curves", "metrics: missing"),
        (
            "kind: curves\nmetrics: [loss]\ncolour: red",
            "colour: a panel of kind curves has no such",
        ),
        ("kind: curves\nmetrics: []", "metrics: expected 1 to 24 names"),
        ("kind: curves\nmetrics: loss\nsmoothing: 1", "smoothing"),
        ("kind: table\nlimit: 100000", "limit: expected a whole number from 1 to 200"),
        ("kind: table\nbest: 3", "best: the best of what"),
        ("kind: table\nruns: [a]\nsweep: b", "leave out `sweep`"),
        ("kind: [a\nb: c", "line 2"),
        ("kind: &a x\ntitle: *a", "aliases"),
        ("kind: table\nruns: [nosuch]", "nosuch"),
        ("kind: table\ncolumns: [colour]", "runs have no 'colour'"),
        ("kind: table\nfilters: {$bad: 1}", "$bad"),
        ("kind: best\nsweep: nosuch", "nosuch"),
        ("kind: number\nshow: min", "value: the min of what"),
        ("kind: " + "[" * 5000, "YAML"),
    ],
)
def test_a_block_that_is_wrong_says_where(world: World, text: str, words: str) -> None:
    assert words in panel(world, text)["problem"]


def test_json_is_yaml_too() -> None:
    assert parse_panel('{"kind": "number", "title": "n"}') == parse_panel("kind: number\ntitle: n")
    with pytest.raises(SpecError):
        parse_panel("- kind: number")
    assert set(KINDS) >= {"curves", "table", "media", "number"}


def test_blocks_are_found_wherever_they_stand() -> None:
    text = "\n".join(
        [
            "```panel",
            "kind: number",
            "```",
            "```py",
            "```panel",  # opens nothing: this is inside of a block
            "x",
            "```",
            "- item",
            "  ~~~~ panel of mine",
            "  kind: table",
            "  runs:",
            "    - a",
            "  ~~~~",
            "> ```panel",
            "> kind: best",
            "> ```",
            "````panel",
            "kind: media",
            "```",
            "````",
            "```panel",
            "kind: number",
        ]
    )
    assert panel_blocks(text) == [
        "kind: number",
        "kind: table\nruns:\n  - a",
        "kind: best",
        "kind: media\n```",
    ]
