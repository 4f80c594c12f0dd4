"""The frame of every page: where one is and can go, keys, colours, a server that is away."""

import re

from browser_site import Site, Watched
from playwright.sync_api import Page, expect


def test_from_one_project_to_another(page: Page, site: Site, project: str) -> None:
    site.run(f"{project}-1", project)
    site.run(f"{project}-2", f"{project}/ä & <b>")
    page.goto("/server")
    expect(page.get_by_role("link", name="Server")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("navigation").get_by_role("link", name="Charts")).to_have_count(0)
    page.get_by_role("button", name="Project: Projects").click()
    page.get_by_label("Find a project").fill("ä & <b>")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/projects/{project}%2F%C3%A4%20%26%20%3Cb%3E")
    expect(page.get_by_role("button", name=f"Project: {project}/ä & <b>")).to_be_visible()
    nav = page.get_by_role("navigation", name="Pages")
    expect(nav.get_by_role("link", name="Runs")).to_have_attribute("aria-current", "page")
    nav.get_by_role("link", name="Charts").click()
    page.wait_for_url("**/charts")
    expect(nav.get_by_role("link", name="Charts")).to_have_attribute("aria-current", "page")
    expect(nav.get_by_role("link", name="Runs")).not_to_have_attribute("aria-current", "page")


def test_the_keys(page: Page) -> None:
    page.goto("/server")
    expect(page.get_by_role("heading", name="Server", exact=True)).to_be_visible()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Go to the home page")
    page.keyboard.press("g")  # nothing while a dialog is open
    page.keyboard.press("h")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.url.endswith("/server")
    page.get_by_role("button", name="Project:").click()
    expect(page.get_by_label("Find a project")).to_be_focused()
    page.keyboard.type("gh")  # nor while one types
    expect(page.get_by_label("Find a project")).to_have_value("gh")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Find a project")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url(re.compile(r":\d+/$"))
    expect(page.locator("#main")).to_be_focused()  # readers of screens begin there
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/server")
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_colours_are_the_systems_until_one_chooses(page: Page) -> None:
    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    def choose(name: str) -> None:
        page.get_by_role("button", name="You and your settings").click()
        page.get_by_role("menuitemcheckbox", name=name).click()

    page.emulate_media(color_scheme="light")
    page.goto("/server")
    light = ground()
    page.emulate_media(color_scheme="dark")
    dark = ground()
    assert dark != light
    choose("Light")
    assert ground() == light
    page.reload()  # it is kept, and there before anything is drawn
    assert ground() == light
    expect(page.get_by_role("heading", name="Server", exact=True)).to_be_visible()
    choose("Dark")
    page.emulate_media(color_scheme="light")
    assert ground() == dark
    choose("Colours of the system")
    assert ground() == light
    page.reload()
    assert ground() == light


def test_the_menu_folds_on_a_phone(page: Page, site: Site, project: str) -> None:
    site.run(f"{project}-1", project)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/projects/{project}")
    reports = page.get_by_role("link", name="Reports", exact=True)
    fold = page.get_by_role("button", name="Menu", exact=True)
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(reports).to_be_hidden()
    fold.click()
    reports.click()
    page.wait_for_url("**/reports")
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(reports).to_be_hidden()


def test_a_server_that_is_away_is_told_quietly_until_it_is_back(
    page: Page, watched: Watched
) -> None:
    page.route("**/api/**", lambda route: route.abort("connectionrefused"))
    page.goto("/")
    notice = page.get_by_role("status").filter(has_text="does not answer")
    expect(notice).to_contain_text("sweep open")
    watched.errors.clear()
    page.unroute("**/api/**")
    expect(notice).to_have_count(0)
    expect(page.get_by_role("button", name="You and your settings")).not_to_have_text("…▾")


def test_a_page_whose_module_the_server_has_no_more_is_loaded_anew(
    page: Page, watched: Watched
) -> None:
    page.goto("/server")
    expect(page.get_by_role("heading", name="Server", exact=True)).to_be_visible()
    page.route("**/pages/home.js", lambda route: route.fulfill(status=404))
    page.evaluate("window.old = true")
    page.get_by_role("link", name="opensweep, home").click()
    # Still not there: it is said, and not tried for ever.
    expect(page.get_by_role("alert")).to_contain_text("home.js")
    assert not page.evaluate("window.old")
    page.unroute("**/pages/home.js")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    watched.errors.clear()


def test_what_is_no_page_says_so(page: Page) -> None:
    page.goto("/nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
    page.get_by_role("link", name="the home page").click()
    page.wait_for_url(re.compile(r":\d+/$"))
