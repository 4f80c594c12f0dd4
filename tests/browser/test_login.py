"""Who is not logged in is asked for a key, and comes to where they wanted to go."""

from browser_site import KEY, Site, Watched
from playwright.sync_api import Browser, expect


def test_the_way_in(site: Site, browser: Browser) -> None:
    context = browser.new_context(base_url=site.url)
    watched = Watched(context.new_page())
    page = watched.page
    page.goto("/server?tab=keys")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("no API key of this server")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Server")).to_be_visible()
    assert page.url == f"{site.url}/server?tab=keys"
    assert {int(error[:3]) for error in watched.errors} == {401, 403}
    context.close()
