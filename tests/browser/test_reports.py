"""Reports: written with panels by choosing, read live, kept from being overwritten, and saved as
one file that opens from a disk with the network off."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from browser_site import KEY, Site, Watched
from playwright.sync_api import Browser, Locator, Page, expect

from benchmarks import demo_data
from opensweep.commands import reports
from sweeps.protocol.client import Client

HOSTILE = "<img src=x onerror=\"document.title='owned'\"></script><script>alert(1)</script>"
TRIALS = 24
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def drawn(charts: Locator) -> int:
    """How many of these canvases have something on them."""
    found: int = charts.evaluate_all(
        """all => all.filter((c) => c.width && c.getContext('2d')
             .getImageData(0, 0, c.width, c.height).data.some((each) => each)).length"""
    )
    return found


def add_report(site: Site, project: str, text: str, title: str = "A report") -> str:
    body = {"project": project, "title": title, "text": text}
    return str(site.ask("POST", "/api/reports", body)["id"])


def text_box(page: Page) -> Locator:
    return page.get_by_label("Text in markdown")


def test_a_report_is_written_by_choosing_and_stays_live(
    site: Site, page: Page, project: str
) -> None:
    for number in range(3):
        rows = [{"loss": 1.0 / (step + 1)} for step in range(30)]
        site.run(f"{project}-{number}", project, rows, config={"lr": 0.1 * number})
    page.goto(f"/projects/{project}/reports")
    expect(page.get_by_role("heading", name="No reports yet")).to_be_visible()
    page.get_by_role("link", name="New report").click()
    page.get_by_label("Title", exact=True).fill("What we saw")
    text_box(page).fill("Some **words**.\n\n```panel\nkind: number\ntitle: runs in all\n```\n")
    preview = page.get_by_label("Preview", exact=True)
    expect(preview.locator("strong")).to_have_text("words")
    expect(preview.get_by_text("3", exact=True)).to_be_visible()

    page.get_by_role("button", name="Insert a panel").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Metrics").fill("loss")
    expect(dialog.get_by_role("heading", name="loss")).to_be_visible()
    dialog.get_by_role("button", name="Insert", exact=True).click()
    expect(text_box(page)).to_have_value(re.compile(r"kind: curves\n(.*\n)*metrics: \[\"loss\"\]"))
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Version 1")).to_be_visible()
    page.get_by_role("button", name="Done").click()

    expect(page.get_by_role("heading", name="What we saw", level=1)).to_be_visible()
    figure = page.locator("figure", has_text="runs in all")
    expect(figure).to_contain_text("3")
    expect(page.get_by_role("heading", name="loss")).to_be_visible()
    site.run(f"{project}-3", project, [{"loss": 0.5}])
    expect(figure).to_contain_text("4")
    page.goto(f"/projects/{project}/reports")
    page.get_by_label("Search reports").fill("nothing such")
    expect(page.get_by_text("No report has these words.")).to_be_visible()
    page.get_by_label("Search reports").fill("saw")
    expect(page.get_by_role("link", name="What we saw")).to_be_visible()


def test_nobody_overwrites_what_they_have_not_seen(
    site: Site, watched: Watched, project: str
) -> None:
    page = watched.page
    report = add_report(site, project, "old")
    path = f"/api/reports/{report}"
    page.goto(f"/reports/{report}?edit=1")
    text_box(page).fill("mine")
    theirs = {"version": 1, "title": "A report", "text": "theirs"}
    site.ask("PUT", path, theirs)
    page.reload()  # what was typed is still there
    expect(page.get_by_text("did not save")).to_be_visible()
    expect(text_box(page)).to_have_value("mine")
    page.get_by_role("button", name="Throw it away").click()
    expect(text_box(page)).to_have_value("theirs")

    text_box(page).fill("mine again")
    site.ask("PUT", path, {**theirs, "version": 2, "text": "theirs again"})
    with page.expect_response(lambda answer: answer.status == 409):
        page.get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Theirs")).to_have_value("theirs again")
    assert site.ask("GET", path)["text"] == "theirs again"
    dialog.get_by_role("button", name="Save mine over theirs").click()
    expect(page.get_by_text("Version 4")).to_be_visible()
    assert site.ask("GET", path)["text"] == "mine again"
    assert [error[:3] for error in watched.errors] == ["409"]
    watched.errors.clear()


def test_a_block_that_is_wrong_spoils_nothing_else(site: Site, page: Page, project: str) -> None:
    text = f"{HOSTILE}\n\n```panel\nkind: pie\n```\n\n```panel\nkind: number\ntitle: fine\n```\n"
    page.goto(f"/reports/{add_report(site, project, text, HOSTILE)}")
    expect(page.get_by_role("alert")).to_contain_text("kind: expected one of curves")
    expect(page.locator("figure", has_text="fine")).to_contain_text("0")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page.locator(".report-body")).to_contain_text("onerror=")
    assert page.locator(".report-body img").count() == 0


def test_who_may_only_read_reads(site: Site, browser: Browser, project: str) -> None:
    report = add_report(site, project, "words")
    key = site.ask("POST", "/api/keys", {"user": "reader", "role": "read"})["key"]
    context = browser.new_context(base_url=site.url)
    context.request.post(f"{site.url}/api/session", data={"key": key})
    page = context.new_page()
    page.goto(f"/reports/{report}?edit=1")
    expect(page.get_by_text("words")).to_be_visible()
    expect(page.get_by_role("link", name="Save as one file")).to_be_visible()
    assert page.get_by_role("link", name="Edit").count() == 0
    assert page.get_by_role("button", name="Insert a panel").count() == 0
    expect(page.get_by_text("may read and not write")).to_be_visible()
    page.goto(f"/reports/new?project={project}&text=words")
    expect(page.get_by_role("heading", name="Writing needs another key")).to_be_visible()
    assert page.get_by_role("button", name="Save").count() == 0
    context.close()


def test_a_sweep_in_one_file_without_a_network(
    site: Site, browser: Browser, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = f"description: {json.dumps(HOSTILE)}\n"
    sweep = demo_data.add_sweep(site.store, "digits", project, TRIALS, points=20, more=more)
    monkeypatch.setenv("OPENSWEEP_URL", site.url)
    monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
    target = tmp_path / "out.html"
    reports.report.main(["export", sweep, "-o", str(target)], standalone_mode=False)
    assert target.stat().st_size < 1_000_000

    context = browser.new_context(viewport={"width": 1200, "height": 900}, offline=True)
    opened = Watched(context.new_page())
    asked: list[str] = []
    page = opened.page
    page.on("request", lambda request: asked.append(request.url))
    page.goto(target.as_uri())
    expect(page.get_by_role("heading", name="Sweep digits", level=1)).to_be_visible()
    expect(page.get_by_text("onerror=")).to_be_visible()
    best = page.get_by_role("region", name="Best 10 of digits")
    expect(best.get_by_role("row")).to_have_count(11)
    expect(best.get_by_role("link").first).to_have_attribute(
        "href", re.compile(rf"^{site.url}/runs/{sweep}-\d+$")
    )
    expect(page.get_by_role("heading", name="Importance")).to_be_visible()
    expect(page.get_by_role("heading", name="Parallel coordinates")).to_be_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")  # all charts, in sight or not
    canvases = page.locator(".report-panel canvas")
    page.wait_for_function("document.querySelectorAll('.report-panel canvas').length >= 4")
    assert drawn(canvases) >= 4
    assert page.locator("[aria-busy=true]").count() == 0
    assert page.get_by_role("alert").count() == 0
    assert page.title() == "Sweep digits"
    assert asked == [target.as_uri()]
    assert not opened.errors, opened.errors
    context.close()


def test_pictures_are_taken_along(
    site: Site, browser: Browser, project: str, tmp_path: Path
) -> None:
    run, path = f"{project}-0", "media/images/dot.png"
    value = {"_type": "image-file", "path": path, "caption": HOSTILE}
    site.run(run, project, [{"loss": 1.0, "picture": value}], ended=None)
    digest = hashlib.sha256(DOT).hexdigest()
    report = add_report(site, project, "```panel\nkind: media\nkey: picture\n```\n")
    with Client(site.url, KEY) as client:
        client.send_piece(digest, len(DOT), 0, DOT)
        assert client.save_files(run, 1, {path: digest}) == []
        (tmp_path / "out.html").write_bytes(client.report_page(report))
    context = browser.new_context(offline=True)
    opened = Watched(context.new_page())
    opened.page.goto((tmp_path / "out.html").as_uri())
    picture = opened.page.get_by_role("img", name=HOSTILE)
    expect(picture).to_have_js_property("naturalWidth", 1)
    assert not opened.errors, opened.errors
    context.close()
