"""A real server, filled as a test likes, and a real Chromium that looks at its pages.

Every page of a test is watched: an error in its console, a request that failed by our fault, or a
breach of the Content-Security-Policy fails the test (`watched.errors.clear()` where they are
meant). The policy forbids eval, and so `page.wait_for_function`: use `expect` or `until`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_site import CHROMIUM_FLAGS, KEY, Site, Watched
from playwright.sync_api import Browser, Page, expect, sync_playwright

from opensweep.local import Settings, start_server, stop_server

HERE = Path(__file__).parent
PATIENCE_MS = 15_000  # two cores may be busy with other tests
expect.set_options(timeout=PATIENCE_MS)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None and os.environ.get("OPENSWEEP_TEST_NO_BROWSER") == "1":
        missing = pytest.mark.skip(reason="no Chromium on this machine (Debian: chromium)")
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(missing)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for all tests of a process; each test has a project of its own."""
    home = tmp_path_factory.mktemp("site") / "home"
    settings = Settings(home=home, key=KEY)
    url = start_server(settings, port=0)
    with Site(url, home) as made:
        try:
            yield made
        finally:
            stop_server(settings)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "no Chromium here: install it (Debian: chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def watched(site: Site, browser: Browser) -> Iterator[Watched]:
    """A window of somebody who is logged in, at 1440 x 900; see `Watched`."""
    context = browser.new_context(base_url=site.url, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    site.log_in(context)
    found = Watched(context.new_page())
    yield found
    context.close()
    assert not found.errors, found.errors


@pytest.fixture
def page(watched: Watched) -> Page:
    """The page of that window."""
    return watched.page


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """A project of the test's own."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
