"""A project's charts: panels of what its runs logged; arranged, set, zoomed, saved, followed."""

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from browser_site import STARTED, Site, Watched, until
from playwright.sync_api import Locator, Page, Route, expect

from controller.store import Chunk, ChunkKind
from sweeps.protocol.chunks import encode

STEPS = 40
DOT = bytes.fromhex(  # a PNG of one pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8"
    "cfc0f01f00050001ff56c72f0d0000000049454e44ae426082"
)


def rows(loss: float, first: int = 0, end: int = STEPS) -> list[dict[str, Any]]:
    return [
        {
            "train/loss": loss * math.exp(-n / 10),
            "train/acc": 1 - math.exp(-n / 10),
            "lr": 0.1,
            "epoch": n // 10,
        }
        for n in range(first, end)
    ]


@pytest.fixture
def charts(site: Site, page: Page, project: str) -> str:
    """The charts of three runs are open; the project's name."""
    for n in range(3):
        config = {"lr": 10.0**-n, "opt": ["adam", "sgd"][n % 2]}
        site.run(f"{project}-{n}", project, rows(n + 1.0), name=f"run-{n}", config=config)
        site.store.describe_run(f"{project}-{n}", 1, summary={"train/loss": n + 1.0})
    page.goto(f"/projects/{project}/charts")
    expect(panel(page, "train/loss")).to_be_visible()
    return project


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """Short enough to name runs by."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[5:45]


def panel(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def chart(page: Page, title: str) -> Locator:
    return panel(page, title).locator("[aria-roledescription='line chart']")


def says(page: Page, title: str, what: str) -> None:
    """Waits until the chart, as it is described to those who do not see it, says so."""
    expect(chart(page, title)).to_have_attribute("aria-label", re.compile(what))


def view(page: Page) -> dict[str, Any]:
    found = parse_qs(urlparse(page.url).query).get("view")
    return json.loads(found[0]) if found else {}


def act(page: Page, title: str, item: str) -> None:
    panel(page, title).get_by_role("button", name=f"Menu of {title}").click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def test_metrics_have_panels_in_sections(page: Page, charts: str) -> None:
    train = page.get_by_role("region", name="train", exact=True)
    expect(train.locator(".panel-title")).to_have_text(["train/acc", "train/loss"])
    says(page, "train/loss", "3 curves over Step. At the end run-2 is highest with 0.060726, run-0")
    page.get_by_label("Search panels").fill("^l.$")
    expect(page.locator(".panel-title")).to_have_text(["lr"])
    page.get_by_label("Search panels").fill("")
    train.get_by_role("button", name="train 2").click()
    expect(panel(page, "train/loss")).to_have_count(0)
    page.reload()
    expect(panel(page, "lr")).to_be_visible()
    expect(panel(page, "train/loss")).to_have_count(0)
    # Runs: hidden, grouped, searched; and the table has the same ones.
    runs = page.get_by_role("complementary", name="Runs")
    runs.get_by_role("button", name="Draw run-2").click()
    says(page, "lr", "2 curves")
    runs.get_by_role("button", name="Draw run-2").click()
    runs.get_by_role("button", name="Group", exact=True).click()
    page.get_by_role("option", name=re.compile("^opt")).click()
    curves = panel(page, "lr").get_by_role("list", name="Curves").get_by_role("listitem")
    expect(curves).to_have_text(["adam (2)", "sgd (1)"])
    runs.get_by_role("button", name="Group by config.opt no more").click()
    runs.get_by_label("Search runs by name").fill("run-1")
    expect(curves).to_have_text(["run-1"])
    table = runs.get_by_role("link", name="Table")
    expect(table).to_have_attribute("href", f"/projects/{charts}?q=run-1")


def test_settings_are_in_the_address(page: Page, charts: str) -> None:
    page.get_by_label("X axis").select_option("epoch")
    says(page, "train/loss", "over epoch")
    page.get_by_label("X axis").select_option("Relative time (process)")
    page.get_by_role("combobox", name="Smoothing").select_option("Gaussian")
    amount = page.get_by_label("Amount of smoothing, as a number")
    amount.fill("9")
    amount.press("Enter")
    page.get_by_role("button", name="Settings", exact=True).click()
    page.get_by_label("Logarithmic y axis").check()
    wanted = {"x": "_process", "smooth": "gaussian", "amount": 9, "ylog": True}
    until(lambda: view(page).get("all") == wanted)
    page.keyboard.press("Escape")
    page.reload()
    says(page, "train/loss", "over Relative time")
    page.get_by_role("button", name="Reset", exact=True).click()
    says(page, "train/loss", "over Step")
    assert view(page) == {}


def test_zoom_cursor_and_keys(page: Page, charts: str) -> None:
    over = chart(page, "train/loss").locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box
    y = box["y"] + 50
    page.mouse.move(box["x"] + 0.25 * box["width"], y)
    values = panel(page, "train/loss").locator(".line-values")
    expect(values.locator("ol")).to_contain_text(re.compile("run-2.*run-1.*run-0", re.DOTALL))
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], y)
    with page.expect_response("**/api/series") as asked:
        page.mouse.up()
    sent = asked.value.request.post_data_json
    assert 8 < sent["from"] < 10
    assert 19 < sent["to"] < 22
    low, high = view(page)["panels"]["train/loss"]["own"]["zoom"]
    assert (low, high) == (pytest.approx(9.75, abs=0.5), pytest.approx(19.5, abs=0.5))
    page.mouse.dblclick(box["x"] + 0.5 * box["width"], y)
    expect(panel(page, "train/loss").get_by_role("button", name="Reset zoom")).to_have_count(0)
    page.mouse.move(1, 1)
    chart(page, "train/loss").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(values.get_by_role("status")).to_have_text(re.compile(r"Step 3\.9: run-2 2\.01"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/runs/{charts}-2"))


def test_panels_are_arranged_saved_and_added(page: Page, charts: str, tmp_path: Path) -> None:
    titles = page.get_by_role("region", name="train", exact=True).locator(".panel-title")
    act(page, "train/loss", "Move back")
    expect(titles).to_have_text(["train/loss", "train/acc"])
    act(page, "train/loss", "Wider")
    act(page, "train/acc", "Remove panel")
    expect(titles).to_have_text(["train/loss"])
    assert view(page)["panels"]["train/loss"] == {"wide": 2}
    panel(page, "train/loss").get_by_role("button", name="Full screen of train/loss").click()
    expect(page).to_have_url(re.compile("full=train%2Floss"))
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("full="))

    def saved(item: str) -> bytes:
        with page.expect_download() as download:
            act(page, "train/loss", item)
        return Path(download.value.path()).read_bytes()

    assert saved("Save as PNG")[:8] == b"\x89PNG\r\n\x1a\n"
    svg = saved("Save as SVG").decode()
    assert svg.count("<path") > 3
    assert ">train/loss</text>" in svg
    assert ">Step</text>" in svg
    head, *points = csv.reader(io.StringIO(saved("Save as CSV (all points)").decode()))
    assert head == ["run", "id", "metric", "Step", "value"]
    assert len(points) == 3 * STEPS
    assert ["run-1", f"{charts}-1", "train/loss", "0", "2"] in points
    act(page, "train/loss", "Show as a table")
    table = page.get_by_role("dialog", name="train/loss")
    expect(table.get_by_role("row")).to_have_count(1 + 3 * STEPS)
    table.get_by_role("button", name="Close").click()

    page.get_by_role("button", name="Add panel").click()
    dialog = page.get_by_role("dialog", name="Add a panel")
    dialog.get_by_label("Type").select_option("Scatter plot")
    dialog.get_by_role("combobox", name="X", exact=True).select_option("config.lr")
    dialog.get_by_role("combobox", name="Y", exact=True).select_option("summary.train/loss")
    dialog.get_by_label("Title").fill("What lr does")
    dialog.get_by_role("button", name="Add panel").click()
    expect(panel(page, "What lr does").get_by_role("img")).to_be_visible()
    # A table that is opened before its data came fills up.
    held: list[Route] = []
    page.route(re.compile("/api/runs.*config.lr.*summary.train"), lambda route: held.append(route))
    page.reload()
    act(page, "What lr does", "Show as a table")
    head, *body = "runconfig.lrsummary.train/loss", "run-011", "run-10.12", "run-20.013"
    expect(page.get_by_role("dialog").get_by_role("row")).to_have_text([head])
    until(lambda: page.title() and held)
    held[0].continue_()
    expect(page.get_by_role("dialog").get_by_role("row")).to_have_text([head, *body])


def test_no_panels_before_it_is_known_of_which_runs(page: Page, charts: str) -> None:
    """Those of no run would go again when the runs come, and take an open menu with them."""
    held: list[Route] = []
    page.route(re.compile(r"/api/runs\?"), lambda route: held.append(route))
    page.reload()
    until(lambda: page.title() and held)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    expect(page.get_by_text("Looking what these runs have logged")).to_be_visible()
    expect(page.get_by_text("No run is shown")).to_have_count(0)
    page.unroute_all(behavior="ignoreErrors")
    page.reload()
    expect(chart(page, "train/loss")).to_be_visible()


def test_curves_grow_and_new_runs_appear(site: Site, page: Page, project: str) -> None:
    run = f"{project}-live"
    site.run(run, project, rows(1.0), name="live", ended=None)
    page.goto(f"/projects/{project}/charts")
    says(page, "train/loss", "live ends at 0.0202")
    more = [(n, STARTED + n, row) for n, row in enumerate(rows(1.0, STEPS, 60), STEPS)]
    more[-1][2]["late"] = 1.0
    site.store.add_chunk(Chunk(run, 1, ChunkKind.HISTORY, 1, STEPS, 59, 20, encode(more)))
    says(page, "train/loss", "live ends at 0.0027")
    expect(panel(page, "late")).to_be_visible()  # a metric that is new has a panel
    site.run(f"{project}-new", project, rows(5.0), name="newest")
    says(page, "train/loss", "newest is highest")


def test_histograms_media_and_custom_charts(site: Site, page: Page, project: str) -> None:
    run = f"{project}-rich"
    table = {"columns": ["a", "b"], "data": [[n, n * n] for n in range(9)]}
    logged = {"_type": "table-file", "path": "media/table/t.table.json"}
    fields = {"name": "tableKey", "value": "curve_table"}
    query = {"queryFields": [{"name": "runSets", "fields": [{"name": "t", "args": [fields]}]}]}
    chart_of = {
        "panelDefId": "wandb/line/v0",
        "fieldSettings": {"x": "a", "y": "b"},
        "stringSettings": {"title": "Squares"},
        "userQuery": query,
    }
    odd = {**chart_of, "panelDefId": "me/of-mine", "stringSettings": {}}
    visualize = {"curve": {"panel_config": chart_of}, "odd": {"panel_config": odd}}
    histograms = [
        {"w": {"_type": "histogram", "values": [1, n], "bins": [0, 1, 2]}} for n in (1, 5)
    ]
    pictures = [{"seen": {"_type": "image-file", "path": "media/images/one.png"}}]
    site.run(
        run,
        project,
        [*histograms, *pictures, {"curve_table": logged}],
        name="rich",
        config={"_wandb": {"visualize": visualize}},
    )
    site.store.describe_run(run, 1, summary={"curve_table": logged})
    table_file = json.dumps(table).encode()
    site.save(run, {"media/table/t.table.json": table_file, "media/images/one.png": DOT})
    page.goto(f"/projects/{project}/charts")
    says(page, "Squares", r"1 curve over a. rich ends at 64")
    expect(panel(page, "odd")).to_contain_text("“me/of-mine” is a Vega specification")
    expect(panel(page, "odd").get_by_role("cell", name="64")).to_be_visible()
    expect(panel(page, "w").get_by_role("img", name="w", exact=True)).to_be_visible()
    expect(panel(page, "seen").get_by_role("img")).to_be_visible()
    expect(panel(page, "curve_table")).to_have_count(0)


def test_tables_are_tables_and_panels_begin_with_a_run_that_has_the_key(
    site: Site, page: Page, project: str
) -> None:
    table = json.dumps({"columns": ["text", "score"], "data": [["good", 7], ["bad", 2]]}).encode()
    answers = {"_type": "table-file", "path": "media/table/t.table.json", "nrows": 2, "ncols": 2}
    weights = {"_type": "histogram", "values": [1, 3], "bins": [0, 1, 2]}
    logged = [{"loss": 1.0, "answers": answers, "weights": weights}]
    for name in ("first", "second"):
        site.run(f"{project}-{name}", project, logged, name=name)
        site.save(f"{project}-{name}", {"media/table/t.table.json": table})
    site.run(f"{project}-bare", project, [{"loss": 1.0}], name="bare")  # the first of the list
    page.goto(f"/projects/{project}/charts")
    expect(panel(page, "weights").get_by_role("img", name="weights", exact=True)).to_be_visible()
    listed = panel(page, "weights").get_by_label("Run", exact=True).get_by_role("option")
    expect(listed).to_have_text(["first", "second"])
    tables = panel(page, "answers").get_by_role("table", name="answers")
    expect(tables).to_have_count(2)
    expect(tables.first.get_by_role("cell", name="good")).to_be_visible()
    page.goto(f"/runs/{project}-first?tab=charts")
    cells = panel(page, "answers").get_by_role("table", name="answers").get_by_role("cell")
    expect(cells.filter(has_text="bad")).to_be_visible()


@pytest.mark.parametrize("where", ["workspace", "run"])
def test_a_question_that_failed_is_told_and_asked_again(
    site: Site, watched: Watched, project: str, where: str
) -> None:
    page, run = watched.page, f"{project}-{where}"
    site.run(run, project, rows(1.0), name="only")
    broken = {"error": {"kind": "InternalError", "message": "It broke."}}
    page.route("**/api/logged", lambda route: route.fulfill(status=500, json=broken))
    page.goto(f"/projects/{project}/charts" if where == "workspace" else f"/runs/{run}?tab=charts")
    expect(page.get_by_role("alert")).to_contain_text("It broke.")
    expect(page.get_by_text("logged nothing")).to_have_count(0)
    page.unroute("**/api/logged")
    page.route("**/api/series", lambda route: route.fulfill(status=500, json=broken))
    page.get_by_role("button", name="Try again").click()
    loss = panel(page, "train/loss")
    expect(loss.get_by_role("alert")).to_contain_text("It broke.")
    expect(loss).not_to_contain_text("has logged")
    with page.expect_request("**/api/series"):
        loss.get_by_role("button", name="Try again").click()
    page.unroute("**/api/series")
    says(page, "train/loss", "1 curve")
    watched.errors.clear()
