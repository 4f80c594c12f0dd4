"""Pages of artifacts: collections, a version with all its parts, what differs, what leads where."""

from __future__ import annotations

import re

import pytest
from browser_site import Site
from playwright.sync_api import Page, expect

PROJECT = "store"


@pytest.fixture(scope="module")
def versions(site: Site) -> dict[str, str]:
    """Ids by what they are: a data set, two versions of a model made of it, and who uses them."""
    for run in ("prepare", "train", "train-2", "judge"):
        site.run(run, PROJECT, [{"a": 1.0}])
    made = {"data": site.artifact(PROJECT, "cats", {"a.txt": b"a"}, run="prepare")}
    for run, name, files in (
        ("train", "old", {"w.bin": b"\0\1", "notes.md": b"# First"}),
        ("train-2", "new", {"w.bin": b"\0\1\2", "conf/a.json": b'{"lr": 0.1}'}),
    ):
        site.ask("POST", f"/api/runs/{run}/uses", {"artifact": made["data"]})
        given = {"type": "model", "metadata": {"acc": 0.9}, "description": "the **best**"}
        made[name] = site.artifact(PROJECT, "net", files, run=run, **given)
    site.ask("POST", "/api/runs/judge/uses", {"artifact": made["new"]})
    return made


def test_collections_of_a_project(page: Page, versions: dict[str, str]) -> None:
    page.goto(f"/projects/{PROJECT}/artifacts")
    models = page.get_by_role("table", name="Artifacts of type model")
    row = models.get_by_role("row").nth(1)
    expect(row).to_contain_text("net")
    expect(row.get_by_role("cell").nth(1)).to_have_text("2")
    page.get_by_role("combobox", name="Type").select_option("data")
    expect(models).to_have_count(0)
    page.get_by_label("Search names").fill("no such")
    expect(page.get_by_text("0 of 2")).to_be_visible()
    page.goto(f"/projects/{PROJECT}/artifacts?type=model")
    page.get_by_role("link", name="net").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("net:v1")
    expect(page).to_have_url(re.compile(versions["new"]))


def test_a_version_and_what_is_changed_of_it(
    page: Page, site: Site, versions: dict[str, str]
) -> None:
    page.goto(f"/artifacts/{versions['new']}")
    expect(page.get_by_role("region", name="Description").locator("strong")).to_have_text("best")
    expect(page.get_by_role("treeitem", name="acc 0.9")).to_be_visible()
    page.get_by_role("button", name="+ alias").click()
    page.get_by_label("New alias").fill("prod")
    page.keyboard.press("Enter")
    aliases = page.get_by_role("list", name="Aliases").get_by_role("listitem")
    expect(aliases).to_have_text(["latest", "prod×"])
    page.get_by_role("button", name="+ tag").click()
    page.get_by_label("New tag").fill("x")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Take tag x away")).to_be_visible()
    page.get_by_role("button", name="Edit description").click()
    page.get_by_role("textbox", name="Description").fill("no *longer*")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Description").locator("em")).to_have_text("longer")
    told = site.ask("GET", f"/api/artifact?project={PROJECT}&name=net:prod")["artifact"]
    assert (told["id"], told["tags"]) == (versions["new"], ["x"])

    page.get_by_role("tab", name="Files").click()
    page.get_by_role("button", name="conf").click()
    page.get_by_role("button", name="a.json").click()
    expect(page.get_by_role("treeitem", name="lr 0.1")).to_be_visible()
    page.get_by_role("tab", name="Usage").click()
    expect(page.get_by_label("code of a run", exact=True)).to_contain_text(
        f'run.use_artifact("{PROJECT}/net:v1")'
    )


def test_versions_and_what_they_differ_in(page: Page, versions: dict[str, str]) -> None:
    page.goto(f"/artifacts/{versions['new']}?tab=versions")
    table = page.get_by_role("table", name="Versions")
    expect(table.get_by_role("row")).to_have_count(3)
    table.get_by_role("button", name="Compare with v1").click()
    found = page.get_by_role("region", name="Difference between v1 and v0")
    expect(found.get_by_role("region", name="Only in v1")).to_contain_text("conf/a.json")
    expect(found.get_by_role("region", name="Other content")).to_contain_text("2 B → 3 B")
    gone = found.get_by_role("region", name="Only in v0")
    gone.get_by_role("link", name="notes.md").click()
    expect(page.get_by_role("heading", level=1).first).to_have_text("net:v0")
    expect(page.get_by_role("heading", name="First")).to_be_visible()


def test_lineage_leads_from_node_to_node(page: Page, versions: dict[str, str]) -> None:
    page.goto(f"/artifacts/{versions['data']}?tab=lineage")
    graph = page.get_by_role("group", name="Lineage")
    expect(graph.get_by_role("link")).to_have_count(7)
    left = [
        graph.get_by_role("link", name=name).bounding_box()
        for name in (
            "run prepare",
            "artifact cats:v0",
            "run train-2",
            "artifact net:v1",
            "run judge",
        )
    ]
    assert [box["x"] for box in left if box] == sorted(box["x"] for box in left if box)
    before = graph.get_attribute("viewBox")
    page.get_by_role("button", name="Larger").click()
    assert graph.get_attribute("viewBox") != before
    page.get_by_role("button", name="Fit").click()
    graph.get_by_role("link", name="run judge").click()
    expect(page).to_have_url(re.compile(r"/runs/judge$"))
    page.get_by_role("tab", name="Artifacts").click()
    expect(page.get_by_role("table", name="Used artifacts")).to_contain_text("net:v1")


def test_a_version_goes_when_one_says_so(page: Page, site: Site) -> None:
    made = site.artifact(PROJECT, "waste", {"a": b"1"}, aliases=["best"])
    page.goto(f"/artifacts/{made}")
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It is called best")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page).to_have_url(re.compile(rf"/projects/{PROJECT}/artifacts$"))
    listed = site.ask("GET", f"/api/artifacts?project={PROJECT}&name=waste")["artifacts"]
    assert listed == []
