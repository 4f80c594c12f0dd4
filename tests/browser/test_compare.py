"""Runs side by side: what differs, which is best, their curves, their code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import pytest
import urllib3
from browser_site import KEY, Site, Watched, until
from playwright.sync_api import Locator, Page, expect

from controller.store.files import NewFile


def keep(site: Site, run: str, files: Mapping[str, str]) -> None:
    """Files of a run."""
    listed = []
    for name, text in files.items():
        data = text.encode()
        digest = hashlib.sha256(data).hexdigest()
        answer = urllib3.request(
            "PUT",
            f"{site.url}/api/blobs/{digest}?offset=0&size={len(data)}",
            body=data,
            headers={"Authorization": f"Bearer {KEY}"},
        )
        assert answer.status == 200, answer.data
        listed.append(NewFile(name, digest))
    assert site.store.add_files(run, 1, listed) == []


@pytest.fixture
def three(site: Site, project: str) -> list[str]:
    """Ids of three runs, the second of which is the best."""
    ids = [f"{project[:40]}-{n}" for n in range(3)]
    for n, run in enumerate(ids):
        site.run(
            run,
            project,
            [{"loss": (n + 1) / (k + 1)} for k in range(20)],
            name=f"try {n}",
            config={"lr": 10.0**-n, "model": {"layers": 4}, "seed": 1},
            metadata={"program": "train.py", "git": {"commit": "c" * 40 if n else "d" * 40}},
        )
        loss = (0.5, 0.25, 0.75)[n]
        site.store.describe_run(
            run, 1, summary={"loss": loss, "same": 1}, metrics={"loss": {"goal": "minimize"}}
        )
        script = [f"line {k}" for k in range(40)]
        script[20] = f"lr = {10.0**-n}"
        keep(
            site,
            run,
            {
                "code/train.py": "\n".join(script),
                "requirements.txt": f"numpy==1.26.0\ntorch==2.{n}\n",
                "opensweep-metadata.json": json.dumps({"environment": {"SEED": str(n), "A": "1"}}),
            },
        )
    return ids


def heads(page: Page) -> list[str]:
    return page.locator(".compare-head a").all_inner_texts()


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def cells(page: Page, name: str) -> list[str]:
    return row(page, name).get_by_role("cell").all_inner_texts()


def test_what_differs_is_shown_and_the_best_marked(
    page: Page, project: str, three: list[str]
) -> None:
    page.goto(f"/projects/{project}/compare?runs={','.join(three)}")
    until(lambda: heads(page) == ["try 0", "try 1", "try 2"])
    assert cells(page, "lr") == ["1", "0.1 −0.9 (−90 %)", "0.01 −0.99 (−99 %)"]
    until(lambda: "★" in row(page, "loss ↓").get_by_role("cell").nth(1).inner_text())
    assert cells(page, "loss ↓")[0] == "0.5"
    expect(row(page, "model.layers")).to_have_count(0)
    page.get_by_label("only what differs").uncheck()
    expect(row(page, "model.layers")).to_have_count(1)
    page.get_by_label("Search names").fill("torch")
    page.get_by_role("button", name="Packages").click()
    until(lambda: [each.split()[0] for each in cells(page, "torch")] == ["2.0", "2.1", "2.2"])
    page.get_by_label("Search names").fill("")
    page.get_by_role("button", name="Environment variables").click()
    until(lambda: cells(page, "SEED") == ["0", "1", "2"])
    page.reload()
    until(lambda: cells(page, "SEED") == ["0", "1", "2"])  # all of it is in the address


def test_runs_are_added_moved_and_taken_out(page: Page, project: str, three: list[str]) -> None:
    page.goto(f"/projects/{project}/compare?runs={three[0]},{three[1]}")
    until(lambda: heads(page) == ["try 0", "try 1"])
    page.get_by_role("button", name="Swap").click()
    until(lambda: heads(page) == ["try 1", "try 0"])
    page.get_by_role("button", name="+ Run").click()
    page.get_by_label("Search runs to add").fill("try 2")
    page.get_by_role("dialog", name="Add a run").get_by_role("button", name="try 2").click()
    until(lambda: heads(page) == ["try 1", "try 0", "try 2"])
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More for try 2").click()
    page.get_by_role("menuitem", name="Make it the baseline").click()
    until(lambda: cells(page, "lr")[2] == "0.01")
    assert cells(page, "loss ↓")[2] == "0.75"
    page.get_by_role("button", name="More for try 2").click()
    page.get_by_role("menuitem", name="Move left").click()
    until(lambda: heads(page) == ["try 1", "try 2", "try 0"])
    assert cells(page, "lr")[1] == "0.01"  # it is the baseline still
    page.get_by_role("button", name="More for try 0").click()
    page.get_by_role("menuitem", name="Take out").click()
    until(lambda: heads(page) == ["try 1", "try 2"])


def test_code_is_compared_line_by_line(page: Page, project: str, three: list[str]) -> None:
    page.goto(f"/projects/{project}/compare?runs={','.join(three)}&tab=code")
    expect(page.get_by_text("git diff dddddddddd cccccccccc")).to_be_visible()
    differs = page.get_by_role("region", name="Differences of try 0 and try 1").first
    expect(differs).to_contain_text("lr = 0.1")
    expect(differs).not_to_contain_text("line 16")
    page.get_by_role("button", name="17 lines that are the same").first.click()
    expect(differs).to_contain_text("line 16")
    page.get_by_label("Run to compare with the baseline").select_option("try 2")
    differs = page.get_by_role("region", name="Differences of try 0 and try 2").first
    expect(differs).to_contain_text("lr = 0.01")
    page.goto(f"/projects/{project}/compare?runs={three[1]},{three[2]}&tab=code")
    expect(page.get_by_text("Both ran at commit cccccccccc")).to_be_visible()


def test_curves_lie_in_the_same_charts(page: Page, project: str, three: list[str]) -> None:
    page.goto(f"/projects/{project}/compare?runs={','.join(three)}")
    page.get_by_role("tab", name="Charts").click()
    panel = page.get_by_role("figure", name="loss").or_(page.get_by_role("region", name="loss"))
    for name in ("try 0", "try 1", "try 2"):
        expect(panel.get_by_text(name).first).to_be_visible()


def test_a_run_that_is_not_there_can_be_taken_out(
    watched: Watched, project: str, three: list[str]
) -> None:
    page = watched.page
    page.goto(f"/projects/{project}/compare?runs={three[0]},nothing")
    expect(page.get_by_role("alert")).to_contain_text("there is no run 'nothing'")
    page.get_by_role("button", name="Take nothing out").click()
    until(lambda: heads(page) == ["try 0"])
    page.goto(f"/projects/{project}/compare")
    expect(page.get_by_text("Nothing to compare yet")).to_be_visible()
    assert all(error.startswith("404 ") for error in watched.errors)
    watched.errors.clear()


def test_it_fits_a_phone(page: Page, project: str, three: list[str]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for tab in ("differences", "code"):
        page.goto(f"/projects/{project}/compare?runs={','.join(three)}&tab={tab}")
        expect(page.get_by_text("try 1").first).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
