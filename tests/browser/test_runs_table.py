"""The table of a project's runs: found, sorted, grouped and changed by hand; thousands; live."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_site import STARTED, Site, Watched, until
from playwright.sync_api import FloatRect, Locator, Page, expect
from sqlalchemy import insert

from controller.store import NewRun
from controller.store.schema import runs

LOSS = '{"summary.loss":{"$lt":2}}'


def add(site: Site, project: str, name: str, at: float, *, ended: bool = True, **given: Any) -> str:
    """A run that began `at` seconds after the others; its id."""
    run_id = f"{project}-{name.replace(' ', '-')}"
    new = NewRun(run_id, "uid", project=project, name=name, started=STARTED + at, **given)
    site.store.register_run(new)
    if ended:
        site.store.end_run(run_id, 1, 0)
    return run_id


def fill(site: Site, project: str, count: int = 6) -> None:
    """Runs with losses 0, 1, 2, …, all of them over but the last."""
    for n in range(count):
        config = {"opt": ("adam", "sgd")[n % 2], "lr": n / 10}
        run_id = add(site, project, f"run {n}", n, ended=n < count - 1, config=config)
        summary = {"loss": float(n), "acc": 1 - n / 10}
        site.store.describe_run(run_id, 1, summary=summary, metrics={"loss": {"goal": "minimize"}})


def names(page: Page) -> list[str]:
    return page.locator(".vtable .run-link").all_inner_texts()


def column(page: Page, label: str) -> Locator:
    return page.get_by_role("columnheader", name=label, exact=True)


def press(page: Page, name: str) -> None:
    """A button above the table."""
    page.get_by_role("toolbar", name="Runs").get_by_role("button", name=name).click()


def box_of(locator: Locator) -> FloatRect:
    found = locator.bounding_box()
    assert found
    return found


def query(url: str, name: str) -> str:
    return parse_qs(urlsplit(url).query).get(name, [""])[0]


def asked(page: Page, name: str) -> str:
    return query(page.url, name)


def test_runs_are_found_and_sorted(site: Site, page: Page, project: str) -> None:
    fill(site, project)
    page.goto(f"/projects/{project}")
    table = page.get_by_role("grid", name="Runs")
    expect(table.get_by_role("row")).to_have_count(7)
    expect(page.get_by_text("6 runs")).to_be_visible()
    expect(column(page, "loss")).to_be_visible()  # columns of configs and summaries by themselves
    expect(column(page, "opt")).to_be_visible()

    column(page, "loss").click()
    expect(column(page, "loss")).to_have_attribute("aria-sort", "ascending")
    until(lambda: names(page) == [f"run {n}" for n in range(6)])
    column(page, "opt").click()
    column(page, "loss").click(modifiers=["Shift"])
    until(lambda: names(page) == [f"run {n}" for n in (0, 2, 4, 1, 3, 5)])
    assert asked(page, "order") == "config.opt,summary.loss"

    page.keyboard.press("/")
    page.keyboard.type("n 3")
    until(lambda: names(page) == ["run 3"])
    page.get_by_label("Search runs by name").fill("^run [12]$")
    expect(page.get_by_text("No run fits")).to_be_visible()
    page.get_by_role("button", name="Regular expression").click()
    until(lambda: names(page) == ["run 2", "run 1"])
    page.reload()  # all of it is in the address
    until(lambda: names(page) == ["run 2", "run 1"])


def test_filters_are_built_and_written(site: Site, page: Page, project: str) -> None:
    fill(site, project)
    page.goto(f"/projects/{project}")
    press(page, "Filter")
    editor = page.get_by_role("dialog", name="Filter")
    editor.get_by_role("button", name="+ Condition").click()
    box = page.get_by_role("combobox", name="Add a condition")
    box.fill("los")
    box.press("Enter")
    editor.get_by_label("Operator for loss").select_option("lt")
    editor.get_by_label("Value for loss").fill("2")
    editor.get_by_label("Value for loss").press("Enter")
    until(lambda: names(page) == ["run 1", "run 0"])
    assert asked(page, "filters") == LOSS
    chip = page.get_by_role("button", name="Remove the filter loss < 2")
    expect(chip).to_be_attached()

    editor.get_by_role("button", name="As text").click()
    text = editor.get_by_label("Filter as text")
    assert text.input_value() == LOSS
    text.fill('{"config.opt": "sgd"}')
    editor.get_by_role("button", name="Apply").click()
    until(lambda: names(page) == ["run 5", "run 3", "run 1"])
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Remove the filter opt = sgd").click()
    until(lambda: len(names(page)) == 6)


def test_a_filter_that_the_server_refuses_says_why(
    site: Site, watched: Watched, project: str
) -> None:
    fill(site, project, 1)
    page = watched.page
    page.goto(f"/projects/{project}?filters=" + '{"lr":{"$near":1}}')
    expect(page.get_by_role("alert")).to_contain_text("runs have no 'lr': expected config.NAME")
    page.get_by_role("button", name="Clear search and filter").click()
    until(lambda: names(page) == ["run 0"])
    assert all(error.startswith("400 ") for error in watched.errors)
    watched.errors.clear()


def test_groups_open_into_their_runs(site: Site, page: Page, project: str) -> None:
    fill(site, project)
    page.goto(f"/projects/{project}")
    column(page, "opt").hover()
    page.get_by_role("button", name="Column opt").click()
    page.get_by_role("menuitem", name="Group by it").click()
    expect(page.get_by_text("6 runs in 2 groups")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="adam")
    expect(row).to_contain_text("3")
    place = column(page, "loss").get_attribute("aria-colindex")
    expect(row.locator(f'[aria-colindex="{place}"]')).to_have_text("2")  # the mean of 0, 2, 4
    page.get_by_label("Numbers").select_option("max")
    expect(row.locator(f'[aria-colindex="{place}"]')).to_have_text("4")
    page.get_by_label("Numbers").select_option("best")
    expect(row.locator(f'[aria-colindex="{place}"]')).to_have_text("0")  # it is to be small
    row.get_by_role("button", name="Runs with opt: adam").click()
    until(lambda: names(page) == ["run 4", "run 2", "run 0"])
    page.get_by_role("button", name="Group by opt no more").click()
    until(lambda: len(names(page)) == 6)


def test_columns_are_chosen_moved_and_kept_in_sight(site: Site, page: Page, project: str) -> None:
    fill(site, project, 2)
    page.goto(f"/projects/{project}")
    expect(column(page, "lr")).to_be_visible()
    press(page, "Columns")
    chooser = page.get_by_role("dialog", name="Columns")
    chooser.get_by_label("Search columns").fill("lr")
    chooser.get_by_label("Keep lr in sight").click()
    chooser.get_by_label("Search columns").fill("host")
    chooser.get_by_role("checkbox", name="Host").check()
    page.keyboard.press("Escape")
    expect(column(page, "lr")).to_have_attribute("aria-colindex", "3")
    assert json.loads(asked(page, "columns"))[-1] == "host"
    head = column(page, "lr")
    before = box_of(head)["width"]
    head.focus()
    page.keyboard.press("Alt+ArrowRight")
    until(lambda: box_of(head)["width"] == before + 16)
    page.reload()
    until(lambda: box_of(column(page, "lr"))["width"] == before + 16)


def test_chosen_runs_are_tagged_pinned_and_deleted(site: Site, page: Page, project: str) -> None:
    fill(site, project)
    page.goto(f"/projects/{project}")
    page.get_by_label("Select run 1").click()
    page.get_by_label("Select run 3").click(modifiers=["Shift"])
    bar = page.get_by_role("toolbar", name="Chosen runs")
    expect(bar).to_contain_text("3 chosen")
    link = str(bar.get_by_role("link", name="Compare").get_attribute("href"))
    assert link.startswith(f"/projects/{project}/compare?runs=")
    assert set(query(link, "runs").split(",")) == {f"{project}-run-{n}" for n in (1, 2, 3)}
    bar.get_by_role("button", name="Tag …").click()
    page.get_by_label("Tags, parted by commas").fill("good, paper")
    page.get_by_role("button", name="Add them").click()
    expect(page.get_by_role("row").filter(has_text="goodpaper")).to_have_count(3)

    page.get_by_label("Select all").click()
    expect(bar).to_have_count(0)
    page.get_by_label("Select all").click()
    expect(bar).to_contain_text("6 chosen")
    bar.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete …").click()
    asks = page.get_by_role("dialog", name="Delete 6 runs?")
    expect(asks).to_contain_text("1 cannot be: each still runs.")
    asks.get_by_role("button", name="Delete 5").click()
    until(lambda: names(page) == ["run 5"])
    assert [run["id"] for run in site.ask("GET", f"/api/runs?project={project}")["runs"]] == [
        f"{project}-run-5"
    ]


def test_hidden_pinned_and_coloured(site: Site, page: Page, project: str) -> None:
    fill(site, project, 3)
    page.goto(f"/projects/{project}")
    page.get_by_role("link", name="run 0", exact=True).hover()
    page.get_by_role("button", name="More for run 0").click()
    page.get_by_role("menuitem", name="Put on top").click()
    until(lambda: names(page) == ["run 0", "run 2", "run 1"])
    eye = page.get_by_role("button", name="Draw run 2 in charts")
    eye.click()
    expect(eye).to_have_attribute("aria-pressed", "false")
    colour = page.get_by_label("Colour of run 1")
    colour.fill("#123456")
    page.reload()
    expect(colour).to_have_value("#123456")
    expect(eye).to_have_attribute("aria-pressed", "false")
    charts = page.get_by_role("toolbar", name="Runs").get_by_role("link", name="Charts")
    href = charts.get_attribute("href") or ""
    assert query(href, "hidden") == json.dumps([f"{project}-run-2"])


def test_an_export_holds_what_fits(site: Site, page: Page, project: str) -> None:
    fill(site, project)
    page.goto(f"/projects/{project}?filters={LOSS}")
    until(lambda: len(names(page)) == 2)
    press(page, "Export")
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Runs that fit, as CSV").click()
    rows = download.value.path().read_text().splitlines()
    assert rows[0].startswith("id,display_name,state,")
    assert [row.split(",")[1] for row in rows[1:]] == ["run 1", "run 0"]


def test_a_view_has_a_name(site: Site, page: Page, project: str) -> None:
    fill(site, project)
    page.goto(f"/projects/{project}?filters={LOSS}")
    press(page, "Views")
    page.get_by_role("menuitem", name="Keep this view as …").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("small losses")
    page.get_by_role("button", name="Keep", exact=True).click()
    press(page, "Views")
    page.get_by_role("menuitem", name="Back to the usual view").click()
    until(lambda: len(names(page)) == 6)
    press(page, "Views")
    page.get_by_role("menuitem", name="small losses").click()
    until(lambda: len(names(page)) == 2)


@pytest.fixture(scope="module")
def thousands(site: Site) -> str:
    """A project of 10,000 runs."""
    rows = [
        {
            **{
                "id": f"many-{n}",
                "local_id": f"many-{n}",
                "name": f"run {n}",
                "project": "thousands",
            },
            **{"state": "finished", "writer": 1, "steps": 1, "metadata": {}, "config": {"n": n}},
            **{"created": STARTED + n, "started": STARTED + n, "updated": STARTED + n},
            "summary": {f"metric{k}": n * k for k in range(20)},
        }
        for n in range(10_000)
    ]
    with site.store._db.write() as connection:
        connection.execute(insert(runs), rows)
    return "thousands"


def test_ten_thousand_runs(site: Site, page: Page, thousands: str) -> None:
    page.goto(f"/projects/{thousands}")
    table = page.get_by_role("grid", name="Runs")
    expect(table).to_have_attribute("aria-rowcount", "10001")
    expect(page.get_by_role("link", name="run 9999", exact=True)).to_be_visible()
    column(page, "metric1").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+End")
    expect(page.get_by_role("link", name="run 0", exact=True)).to_be_visible()
    assert page.locator(".vtable-row").count() < 100
    page.keyboard.press("PageUp")
    page.keyboard.press("Control+Home")
    expect(page.get_by_role("link", name="run 9999", exact=True)).to_be_visible()
    with page.expect_navigation(url=re.compile("/runs/many-9999")):
        page.keyboard.press("Enter")


def test_new_runs_come_and_nothing_jumps(site: Site, page: Page, thousands: str) -> None:
    page.goto(f"/projects/{thousands}")
    first = page.get_by_role("link", name="run 9999", exact=True)
    expect(first).to_be_visible()
    page.get_by_role("grid", name="Runs").evaluate("e => { e.scrollTop = 30000 }")
    shown = page.get_by_role("link", name="run 8995", exact=True)
    expect(shown).to_be_visible()
    before = box_of(shown)
    add(site, thousands, "newcomer", 20_000, ended=False)
    expect(page.get_by_text("10,001 runs")).to_be_visible()
    expect(page.locator(".waiting")).to_have_count(0)
    assert box_of(shown) == before
    page.get_by_role("grid", name="Runs").evaluate("e => { e.scrollTop = 0 }")
    expect(page.get_by_role("link", name="newcomer", exact=True)).to_be_visible()


def test_a_project_without_runs_says_how_to_begin(site: Site, page: Page, project: str) -> None:
    page.goto(f"/projects/{project}")
    expect(page.get_by_text(f'opensweep.init(project="{project}"')).to_be_visible()
    expect(page.get_by_text(f"export WANDB_BASE_URL={site.url}")).to_be_visible()
    fill(site, project, 1)
    expect(page.get_by_role("link", name="run 0")).to_be_visible()  # by itself


def test_it_fits_a_phone(site: Site, page: Page, project: str) -> None:
    fill(site, project)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/projects/{project}")
    expect(page.get_by_role("link", name="run 0")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    press(page, "Columns")
    box = box_of(page.get_by_role("dialog", name="Columns"))
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
