"""The charts of a sweep: each says what it shows, they are linked, and they are live."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_site import STARTED, Site
from playwright.sync_api import Locator, Page, expect

from benchmarks.demo_data import add_held_sweep
from controller.store import Chunk, ChunkKind, NewTrial
from sweeps.protocol.chunks import encode, pack_points
from sweeps.trial import AttemptState, Outcome, Reason

SWEEP = """\
program: train.py
project: {project}
name: charts
method: random
metric: {{name: val.accuracy, goal: maximize}}
early_terminate: {{type: hyperband, min_iter: 3, eta: 3}}
parameters:
  lr: {{min: 0.0001, max: 0.1, distribution: log_uniform_values}}
  optimizer: {{values: [adam, sgd]}}
  momentum: {{min: 0.0, max: 1.0}}
  layers: {{min: 1, max: 4}}
"""
STOPPED = "0.2 at iteration 3 is worse than 0.5, the best third of 9 trials there"


def add(site: Site, sweep: str, numbers: range) -> None:
    """Trials that are over; their accuracy is that of their learning rate, best at 0.003."""
    new = []
    for n in numbers:
        lr = 10 ** -(1 + 3 * (n * 0.618 % 1))
        config = {"lr": lr, "optimizer": "adam" if n % 2 else "sgd", "layers": n % 4 + 1}
        new.append(NewTrial(n, config if n % 2 else {**config, "momentum": n * 0.414 % 1}))
    site.store.enqueue_trials(sweep, new, [f"test:{n}" for n in numbers])
    for trial in new:
        name = f"{sweep}-{trial.number}"
        site.store.start_attempt(name, 1, agent_id="a", host="box1", device="cuda:0")
        best = 0.9 - 0.1 * abs(math.log10(trial.config["lr"]) + 2.5)
        length, outcome = 12, Outcome(AttemptState.FINISHED, Reason.OK)
        if trial.number % 10 == 4:
            length, outcome = 3, Outcome(AttemptState.STOPPED, Reason.EARLY_STOP, STOPPED)
        if trial.number % 10 == 9:
            length, outcome = 2, Outcome(AttemptState.FAILED, Reason.ERROR, "CUDA out of memory")
        rows = [
            (i, STARTED + i, {"val": {"accuracy": best * (1 - 0.5 ** (i + 1))}})
            for i in range(length)
        ]
        flat = [(i, when, {"val.accuracy": row["val"]["accuracy"]}) for i, when, row in rows]
        points = pack_points([(i, row["val.accuracy"]) for i, _, row in flat])
        chunk = Chunk(name, 1, ChunkKind.HISTORY, 0, 0, length - 1, length, encode(flat), points)
        site.store.add_chunk(chunk)
        objective = flat[-1][2]["val.accuracy"]
        site.store.end_attempt(
            name,
            1,
            outcome,
            summary={"val.accuracy": objective, "latency": trial.config["layers"] * 1.5},
            objective=None if outcome.state is AttemptState.FAILED else objective,
            retry=lambda _: False,
        )


@pytest.fixture(scope="module")
def sweep(site: Site) -> str:
    """One for all tests that only look: what they brush and pick is in the address."""
    made = add_held_sweep(site.store, SWEEP.format(project="sweep-charts"))
    add(site, made, range(1, 41))
    return made


def panel(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def query(page: Page, name: str) -> str:
    return parse_qs(urlsplit(page.url).query).get(name, [""])[0]


def axis(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=re.compile("^Parallel coordinates")).get_by_role(
        "button", name=name, exact=True
    )


def test_each_chart_says_what_it_shows(page: Page, sweep: str) -> None:
    page.goto(f"/sweeps/{sweep}")
    best = r"Best val.accuracy 0\.8\d+ at trial \d+; 40 trials"
    expect(
        page.get_by_role("img", name=re.compile(rf"^val.accuracy by trial\. {best}"))
    ).to_be_visible()
    marks = panel(page, "val.accuracy by trial").get_by_role("list", name="Marks")
    expect(marks.get_by_role("listitem")).to_have_text(["finished", "stopped", "failed"])
    expect(page.get_by_role("group", name=re.compile(best))).to_be_visible()

    shares = panel(page, "Importance").get_by_role("row")
    expect(shares.first).to_contain_text("lr")
    expect(panel(page, "Importance")).to_contain_text("Of 36 trials")
    correlations = panel(page, "Correlation with val.accuracy").get_by_role("row")
    expect(correlations.filter(has_text="optimizer = adam")).to_be_visible()

    curves = panel(page, "Learning curves")
    drawn = curves.get_by_role("group", name=re.compile("^val.accuracy of 40 trials by iteration"))
    expect(drawn).to_be_visible()
    expect(curves).to_contain_text("Lines: the rungs of hyperband")
    curves.get_by_text("4 stopped early: why").click()
    expect(curves.get_by_role("listitem").first).to_contain_text(STOPPED)

    expect(page.get_by_role("img", name="val.accuracy by layers")).to_be_visible()
    surface = page.get_by_role("img", name=re.compile("^val.accuracy over lr and "))
    expect(surface).to_be_visible()
    panel(page, "Contour").get_by_label("Up", exact=True).select_option("layers")
    expect(page.get_by_role("img", name=re.compile("over lr and layers"))).to_be_visible()
    front = page.get_by_role("img", name=re.compile(r"against latency\. \d trials on the front"))
    expect(front).to_be_visible()
    panel(page, "Pareto front").get_by_label("Its goal").select_option("raise")
    assert '"raise":true' in query(page, "charts")


def test_the_files_own_metrics_are_weighed_and_listed(site: Site, page: Page) -> None:
    """And a parameter under a condition says when it is there."""
    text = SWEEP.format(project="sweep-metrics").replace(
        "momentum: {min: 0.0, max: 1.0}", "momentum: {min: 0.0, max: 1.0, when: {optimizer: sgd}}"
    )
    own = "metrics: [{name: memory, at_most: 9}, {name: latency, goal: maximize}]\n"
    made = add_held_sweep(site.store, text + own)
    add(site, made, range(1, 9))
    page.goto(f"/sweeps/{made}")
    front = page.get_by_role("img", name=re.compile("against latency"))
    expect(front).to_be_visible()
    expect(panel(page, "Pareto front").get_by_label("Its goal")).to_have_value("raise")
    page.get_by_role("tab", name="Trials").click()
    heads = page.get_by_role("columnheader")
    expect(heads.filter(has_text="latency")).to_be_visible()
    expect(heads.filter(has_text="memory")).to_be_visible()
    row = page.get_by_role("row", name=re.compile("^Trial 2 "))
    expect(row).to_contain_text("4.5")
    page.get_by_role("button", name="Try a configuration").click()
    expect(page.get_by_role("dialog")).to_contain_text("0 to 1, only when optimizer is sgd")


def test_what_now_says_the_best_where_to_look_and_whether_to_go_on(page: Page, sweep: str) -> None:
    page.goto(f"/sweeps/{sweep}")
    advice = panel(page, "What now?")
    advice.scroll_into_view_if_needed()
    best = advice.get_by_role("region", name="Believed best")
    expect(best).to_contain_text("95 %: 0.8")
    expect(advice.get_by_role("region", name="Where to look next")).to_contain_text("lr")
    gain = advice.get_by_role("region", name="Stop now or go on")
    expect(gain).to_contain_text("10 more trials are expected to better val.accuracy by")
    best.get_by_role("button").first.click()
    assert '"picked":[' in query(page, "chosen")


def test_a_brush_filters_the_page_by_keyboard(page: Page, sweep: str) -> None:
    page.goto(f"/sweeps/{sweep}")
    axis(page, "lr").press("Enter")
    menu = page.get_by_role("group", name="Axis lr")
    menu.get_by_label("from", exact=True).fill("0.001")
    menu.get_by_label("to", exact=True).fill("0.01")
    menu.get_by_label("to", exact=True).press("Tab")
    bar = page.get_by_role("status", name="Brushed")
    expect(bar).to_contain_text("lr: 0.001 to 0.01")
    expect(bar).to_contain_text("of 40 trials")
    few = int(re.search(r"(\d+) of 40", bar.inner_text()).group(1))  # type: ignore[union-attr]
    assert 5 < few < 25
    menu.press("Escape")

    # Another axis narrows it; a trial without the parameter can be asked for, too.
    axis(page, "momentum").press("Enter")
    page.get_by_role("group", name="Axis momentum").get_by_label("without a value").check()
    expect(bar).to_contain_text("momentum: none")
    axis(page, "momentum").press("Escape")
    fewer = int(re.search(r"(\d+) of 40", bar.inner_text()).group(1))  # type: ignore[union-attr]
    assert 0 < fewer < few
    page.get_by_role("tab", name=re.compile("^Trials")).click()
    expect(page.get_by_text(f"{fewer} of 40 trials").first).to_be_visible()
    page.get_by_role("tab", name="Charts").click()
    page.reload()
    expect(bar).to_contain_text(f"{fewer} of 40 trials")
    page.get_by_role("button", name="Remove the brush on momentum").click()
    expect(bar).to_contain_text(f"{few} of 40 trials")
    page.get_by_role("button", name="Clear all").click()
    expect(bar).to_contain_text("All 40 trials")


def test_a_brush_is_drawn_with_the_mouse(page: Page, sweep: str) -> None:
    page.goto(f"/sweeps/{sweep}")
    bar = page.get_by_role("status", name="Brushed")
    parallel = page.get_by_role("group", name=re.compile("^Parallel coordinates"))
    parallel.scroll_into_view_if_needed()
    name = axis(page, "lr").bounding_box()
    box = parallel.bounding_box()
    assert name
    assert box
    x, top = name["x"] + name["width"] / 2, box["y"] + 34
    for low, high in ((60, 110), (160, 200)):
        page.mouse.move(x, top + low)
        page.mouse.down()
        page.mouse.move(x, top + high, steps=4)
        page.mouse.up()
        expect(bar).to_contain_text("of 40 trials")
    expect(bar).to_contain_text(re.compile(r"lr: .+ to .+, .+ to "))
    page.mouse.click(x, top + 10)  # beside the brushes: they go
    expect(bar).to_contain_text("All 40 trials")

    chart = page.get_by_role("img", name=re.compile("^val.accuracy by trial"))
    chart.scroll_into_view_if_needed()
    place = chart.bounding_box()
    assert place
    page.mouse.move(place["x"] + place["width"] * 0.5, place["y"] + 15)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] - 20, place["y"] + 120, steps=4)
    page.mouse.up()
    expect(bar).to_contain_text("trial: ")
    expect(bar).to_contain_text("val.accuracy: ")


def test_axes_are_moved_flipped_and_hidden(page: Page, sweep: str) -> None:
    page.goto(f"/sweeps/{sweep}")
    group = page.get_by_role("group", name=re.compile("^Parallel coordinates"))
    names = group.locator("button[aria-expanded]")
    expect(names).to_have_text(["layers", "lr", "momentum", "optimizer", "val.accuracy"])
    axis(page, "lr").press("ArrowRight")
    expect(names).to_have_text(["layers", "momentum", "lr", "optimizer", "val.accuracy"])
    grip = axis(page, "optimizer").bounding_box()
    goal = axis(page, "layers").bounding_box()
    assert grip
    assert goal
    page.mouse.move(grip["x"] + 10, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(goal["x"] + 10, goal["y"] + 8, steps=5)
    page.mouse.up()
    expect(names).to_have_text(["optimizer", "layers", "momentum", "lr", "val.accuracy"])
    axis(page, "momentum").click()
    page.get_by_role("group", name="Axis momentum").get_by_role("button", name="Hide").click()
    expect(names).to_have_count(4)
    page.get_by_role("button", name="show momentum").click()
    expect(names).to_have_count(5)
    axis(page, "lr").click()
    page.get_by_role("group", name="Axis lr").get_by_role("button", name="Flip").click()
    assert '"flipped":["lr"]' in query(page, "charts")


def test_a_new_end_shows_and_a_trial_is_picked(site: Site, page: Page, project: str) -> None:
    sweep = add_held_sweep(site.store, SWEEP.format(project=project))
    page.goto(f"/sweeps/{sweep}")
    expect(page.get_by_text("No trial yet")).to_be_visible()
    add(site, sweep, range(1, 2))
    site.ask("POST", f"/api/sweeps/{sweep}/pause")  # so that the server looks at once
    chart = page.get_by_role("img", name=re.compile("at trial 1; 1 trial$"))
    expect(chart).to_be_visible()
    expect(panel(page, "Importance")).to_contain_text("Needs 15 more trials")
    expect(panel(page, "Contour")).to_contain_text("Fewer than two parameters vary")
    expect(panel(page, "val.accuracy by parameter")).to_contain_text("No parameter varies yet")
    expect(page.get_by_text("Nothing to compare yet")).to_be_visible()
    place = chart.bounding_box()
    assert place
    page.mouse.click(place["x"] + place["width"] / 2 + 24, place["y"] + (place["height"] - 30) / 2)
    expect(page.get_by_role("complementary").get_by_text("Trial 1", exact=True)).to_be_visible()
    assert '"picked":[1]' in query(page, "chosen")


def test_what_is_drawn_is_saved(page: Page, sweep: str, tmp_path: Path) -> None:
    page.goto(f"/sweeps/{sweep}")
    expect(page.get_by_role("img", name=re.compile("^val.accuracy over lr"))).to_be_visible()
    for title, texts in (
        ("val.accuracy by trial", ["val.accuracy", "trial"]),
        ("Parallel coordinates", ["0.01", "adam", "none"]),
        ("Contour", ["lr"]),
    ):
        panel(page, title).get_by_role("button", name=f"Menu of {title}").click()
        with page.expect_download() as found:
            page.get_by_role("menuitem", name="Save as SVG").click()
        found.value.save_as(tmp_path / "chart.svg")
        drawn = (tmp_path / "chart.svg").read_text()
        assert "<image" not in drawn
        assert all(f">{text}</text>" in drawn for text in texts), title
    panel(page, "Parallel coordinates").get_by_role("button", name="Menu of Parallel").click()
    with page.expect_download() as found:
        page.get_by_role("menuitem", name=re.compile("CSV")).first.click()
    found.value.save_as(tmp_path / "chart.csv")
    with (tmp_path / "chart.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["trial", "state", "layers", "lr", "momentum", "optimizer", "val.accuracy"]
    assert len(rows) == 41


def test_a_phone_shows_them_below_each_other(page: Page, sweep: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/sweeps/{sweep}")
    expect(panel(page, "Pareto front")).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # Axes keep their distance; the plot scrolls within its panel.
    plot = page.get_by_role("group", name=re.compile("^Parallel coordinates"))
    assert plot.evaluate("each => each.scrollWidth > each.clientWidth")
