"""The ways in and out: a key, a link that logs in once; and back to where one wanted to go."""

from browser_site import KEY, Site, Watched
from playwright.sync_api import Browser, BrowserContext, Page, expect


def stranger(site: Site, browser: Browser) -> tuple[BrowserContext, Watched]:
    """A window of somebody who is not logged in."""
    context = browser.new_context(base_url=site.url)
    context.set_default_timeout(15_000)
    return context, Watched(context.new_page())


def code(site: Site) -> str:
    return str(site.ask("POST", "/api/session/code")["code"])


def at_server(page: Page) -> None:
    expect(page.get_by_role("heading", name="Server", exact=True)).to_be_visible()


def test_a_key_opens_what_was_asked_for_and_logging_out_closes_it(
    site: Site, browser: Browser
) -> None:
    context, watched = stranger(site, browser)
    page = watched.page
    page.goto("/server?tab=keys")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(page).to_have_title("Log in · opensweep")
    expect(page.get_by_label("API key")).to_be_focused()
    expect(page.get_by_text("sweep server key create NAME")).to_be_visible()
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("no API key of this server")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Log in").click()
    at_server(page)
    assert page.url == f"{site.url}/server?tab=keys"
    page.get_by_role("button", name="You and your settings").click()
    expect(page.get_by_role("menu")).to_contain_text("(admin)")
    page.get_by_role("menuitem", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert context.cookies() == []
    another = context.new_page()
    another.goto("/server")
    expect(another.get_by_role("heading", name="Log in")).to_be_visible()
    assert {int(error[:3]) for error in watched.errors} == {401, 403}
    context.close()


def test_the_bare_address_of_a_sweep_says_which_command_opens_it(
    site: Site, browser: Browser
) -> None:
    context, watched = stranger(site, browser)
    watched.page.goto("/sweeps/abc12345")
    expect(watched.page.get_by_text("sweep open abc12345", exact=True)).to_be_visible()
    context.close()


def test_a_link_logs_in_once_and_leaves_no_code_in_the_address(
    site: Site, browser: Browser
) -> None:
    context, watched = stranger(site, browser)
    page, link = watched.page, f"/server?tab=keys#login={code(site)}"
    page.goto(link)
    at_server(page)
    assert page.url == f"{site.url}/server?tab=keys"
    assert page.evaluate("history.length") == 2  # about:blank, and this
    assert not watched.errors
    # Clicked again by the same person: they are in, and go on.
    page.goto("about:blank")
    page.goto(link)
    at_server(page)
    assert page.url == f"{site.url}/server?tab=keys"
    assert [error[:3] for error in watched.errors] == ["403"]
    # Clicked by somebody else: it is used up, and they hear what to do.
    other, seen = stranger(site, browser)
    seen.page.goto(link)
    expect(seen.page.get_by_role("alert")).to_contain_text("sweep open")
    seen.page.get_by_label("API key").fill(KEY)
    seen.page.get_by_role("button", name="Log in").click()
    at_server(seen.page)
    context.close()
    other.close()


def test_a_link_works_in_a_tab_that_is_at_its_page_already(site: Site, browser: Browser) -> None:
    context, watched = stranger(site, browser)
    page = watched.page
    page.goto("/login?next=%2Fserver")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.evaluate("code => { location.hash = `login=${code}` }", code(site))
    at_server(page)
    context.close()


def test_nobody_is_led_elsewhere_after_logging_in(site: Site, browser: Browser) -> None:
    for there in ("//evil.example/", "/\\evil.example", "javascript:alert(1)"):
        context, watched = stranger(site, browser)
        page = watched.page
        page.goto("/login?next=" + there.replace("\\", "%5C"))
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{site.url}/")
        context.close()


def test_a_session_that_ended_leads_to_the_login_and_back(
    page: Page, watched: Watched, site: Site
) -> None:
    page.goto("/server")
    at_server(page)
    page.context.clear_cookies()
    page.goto("/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{site.url}/")
    assert {error[:3] for error in watched.errors} == {"401"}
    watched.errors.clear()
