"""The server's page: agents as they come, figures, keys made and revoked, and who may see what."""

from __future__ import annotations

import time

import pytest
import redis
from browser_site import Site, Watched
from playwright.sync_api import Browser, Page, expect

from sweeps.protocol.client import Client
from sweeps.protocol.live import AgentBeat, Live


@pytest.fixture
def live(site: Site) -> Live:
    """The site's Redis, as agents reach it."""
    from browser_site import KEY

    with Client(site.url, KEY) as client:
        return Live(redis.Redis.from_url(client.handshake()["redis_url"]))


def test_agents_and_what_comes_in(site: Site, page: Page, live: Live, project: str) -> None:
    page.goto("/server")
    agents = page.get_by_role("region", name="Agents")
    about = page.get_by_role("region", name="About")
    expect(about).to_contain_text("admin")
    kept = page.get_by_role("region", name="Kept")
    expect(kept).to_contain_text("SQLite 3.")
    info = {"host": "<b>gpu-7</b>", "slots": 2, "devices": ["GPU 0", "GPU 1"], "running": ["s-4"]}
    why = ["its last 3 trials failed at once"]
    live.beat(AgentBeat("a1", "s", 1, {**info, "quarantined": why}))
    row = agents.get_by_role("row", name="<b>gpu-7</b>")
    expect(row).to_contain_text("1 of 2")
    expect(row).to_contain_text("GPU 0, GPU 1")
    expect(row).to_contain_text("rests: its last 3 trials failed at once")
    expect(row.get_by_role("link", name="s-4")).to_have_attribute("href", "/runs/s-4")
    live.leave("a1")
    expect(row).to_have_count(0)
    site.run("r", project, [{"loss": 1.0}] * 7)
    rows = kept.locator("dl > div", has=page.get_by_text("Rows", exact=True))
    before = site.ask("GET", "/api/server")["rows"]
    expect(rows).to_contain_text(f"{before:,}")


def test_keys_are_made_and_revoked(site: Site, watched: Watched, browser: Browser) -> None:
    page = watched.page
    page.goto("/server?tab=keys")
    page.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog", name="Make a key")
    dialog.get_by_label("Whose").fill("not a name")
    dialog.get_by_label("Role").select_option("read")
    dialog.get_by_label("What for").fill("<i>a guest</i>")
    with page.expect_response("**/api/keys") as refused:
        dialog.get_by_role("button", name="Make it").click()
    assert refused.value.status == 400
    watched.errors.clear()
    expect(dialog.get_by_role("alert")).to_contain_text("is no name")
    dialog.get_by_label("Whose").fill("guest")
    dialog.get_by_role("button", name="Make it").click()
    told = page.get_by_role("dialog", name="The key of guest")
    key = (told.get_by_label("the key", exact=True).text_content() or "").strip()
    assert len(key) >= 40
    told.get_by_role("button", name="Done").click()
    row = page.get_by_role("row", name="guest")
    expect(row).to_contain_text("<i>a guest</i>")
    expect(page.get_by_text(key)).to_have_count(0)

    # Somebody with that key sees the page, and not what is for admins; then they are shut out.
    context = browser.new_context(base_url=site.url)
    assert context.request.post("/api/session", data={"key": key}).ok
    guest = context.new_page()
    guest.goto("/server")
    expect(guest.get_by_role("region", name="About")).to_contain_text("guest, read")
    expect(guest.get_by_role("tab", name="Warnings")).to_have_count(0)
    guest.get_by_role("tab", name="API keys").click()
    expect(guest.get_by_role("heading", name="API keys are for admins")).to_be_visible()

    row.get_by_role("button", name="Revoke the key of guest").click()
    ask = page.get_by_role("dialog", name="Revoke this key?")
    ask.get_by_role("button", name="Cancel").click()
    row.get_by_role("button", name="Revoke the key of guest").click()
    ask.get_by_role("button", name="Revoke", exact=True).click()
    expect(row).to_contain_text("revoked")
    begun = time.monotonic()
    expect(guest.get_by_role("heading", name="Log in")).to_be_visible(timeout=15_000)
    assert time.monotonic() - begun < 10
    context.close()


def test_what_clients_asked_for_and_what_was_warned_of(watched: Watched, site: Site) -> None:
    page = watched.page
    page.goto("/server?tab=log")
    site.ask("POST", "/graphql", {"query": "query Odd { viewer { favouriteColour } }"})
    page.get_by_role("tab", name="W&B operations").click()
    page.reload()
    expect(page.get_by_role("row", name="favouriteColour")).to_be_visible()
    page.get_by_role("tab", name="Warnings").click()
    expect(page.get_by_role("row").filter(has_text="favouriteColour").first).to_be_visible()
