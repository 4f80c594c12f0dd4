"""Addresses that W&B's client prints lead to our pages; unknown ones say so."""

from __future__ import annotations

import re

from browser_site import Site, Watched
from playwright.sync_api import Page, expect

SWEEP = """
program: train.py
project: vision
entity: lab
method: random
parameters: {lr: {min: 0.0, max: 1.0}}
"""


def test_what_the_client_prints_leads_here(site: Site, page: Page) -> None:
    site.run("first", "lab/vision", [{"loss": 0.5}])
    site.run("second", "alone", [{"loss": 0.5}])
    sweep = site.sweep(SWEEP)
    own = site.ask("GET", "/api/session")["entity"]
    for address, ours in (
        ("/lab/vision", "/projects/lab%2Fvision"),
        ("/lab/vision/table?nw=nwuserann", "/projects/lab%2Fvision"),
        ("/lab/vision/workspace?nw=nwuserann", "/projects/lab%2Fvision/charts"),
        ("/lab/vision/runs/first", "/runs/first"),
        ("/lab/vision/runs/first/logs", "/runs/first?tab=console"),
        (f"/lab/vision/sweeps/{sweep}", f"/sweeps/{sweep}"),
        ("/lab/vision/artifacts", "/projects/lab%2Fvision/artifacts"),
        ("/lab/vision/reports", "/projects/lab%2Fvision/reports"),
        (f"/{own}/alone/runs/second", "/runs/second"),
        (f"/{own}/alone", "/projects/alone"),
        # An entity that was named when looking, and not when writing.
        ("/somebody/alone", "/projects/alone"),
        (f"/{own}/projects", "/"),
    ):
        page.goto(address)
        expect(page).to_have_url(re.compile(re.escape(site.url + ours) + r"(\?.*)?$"))


def test_unknown_addresses_say_so(site: Site, watched: Watched) -> None:
    page = watched.page
    site.run("third", "lab/vision")
    for address, words in (
        ("/lab/vision/runs/none", "there is no run 'none'"),
        ("/nobody/nothing", "There is no project nobody/nothing"),
        ("/lab/vision/artifacts/model/none/v3", "none"),
        ("/lab/vision/sweeps/none0000", "none0000"),
    ):
        page.goto(address)
        expect(page.get_by_role("heading", name="Nothing is at this address")).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text(words)
    page.goto("/lab/vision/launch/queues")
    expect(page.get_by_role("heading", name="There is no such page here")).to_be_visible()
    page.get_by_role("link", name="lab/vision", exact=True).last.click()
    expect(page).to_have_url(f"{site.url}/projects/lab%2Fvision")
    assert {error[:3] for error in watched.errors} == {"404"}
    watched.errors.clear()
