"""Whatever people name, say or save: nothing of it runs, and nothing of it breaks a page.

Every page, with every part of it opened, on data of hostile_run.py. A page breaks when it says that
it failed, or its text ends the document; text runs when `window.hit` is set, a dialog opens, or the
policy had to stop it (a console error). What is caught by the policy is a bug all the same.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from browser_site import KEY, Site, Watched, until
from hostile_run import BACKWARDS, LINK, LONG, MARKDOWN, MARKUP, QUOTES
from playwright.sync_api import Error, Page, expect

from benchmarks.demo_data import add_held_sweep
from controller.store.records import NewTrial
from sweeps.trial import SweepState

SANDBOXED = re.compile(r"Blocked script execution in '[^']*/api/(runs|artifacts)/")
"""What Chromium says of a logged HTML page's script: it was shut in, as it should be."""
PROJECT = 'a"><img src=x onerror=alert(1)> \u202egnp\u200b'
SWEEP = json.dumps(  # JSON is YAML
    {
        "program": "train.py",
        "name": MARKUP,
        "description": QUOTES,
        "project": "hostile",
        "method": "grid",
        "metric": {"name": QUOTES, "goal": "minimize"},
        "parameters": {
            "text": {"values": [MARKUP, QUOTES, BACKWARDS, LONG]},
            "lr": {"values": [0.1, 0.2]},
        },
    }
)


@pytest.fixture(scope="module")
def run_id(site: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that the hostile script logged."""
    folder = tmp_path_factory.mktemp("hostile")
    env = {
        **os.environ,
        "OPENSWEEP_URL": site.url,
        "OPENSWEEP_API_KEY": KEY,
        "OPENSWEEP_HOME": str(folder / "home"),
        "OPENSWEEP_FINISH_WAIT_S": "60",
    }
    script = Path(__file__).with_name("hostile_run.py")
    done = subprocess.run(
        [sys.executable, str(script), "hostile", str(folder)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    local = done.stdout.rpartition("id=")[2].strip()
    runs = until(lambda: site.ask("GET", "/api/runs?project=hostile")["runs"])
    (found,) = [run for run in runs if run["local_id"] == local or run["id"] == local]
    return str(found["id"])


class Guard:
    """Goes through a page and sees to it that nothing ran."""

    def __init__(self, watched: Watched) -> None:
        self.page = watched.page
        self.watched = watched
        self.dialogs: list[str] = []
        self.page.on("dialog", self._dialog)

    def _dialog(self, dialog: object) -> None:
        self.dialogs.append(str(dialog))

    def visit(self, path: str) -> None:
        """Opens a page and each of its tabs, and looks at all of it."""
        self.page.goto(path)
        expect(self.page.get_by_role("heading", level=1).first).to_be_visible()
        self.settle()
        for name in self.page.get_by_role("tab").all_inner_texts():
            self.page.get_by_role("tab", name=name).first.click()
            self.settle()
        self.page.evaluate("scrollTo(0, document.body.scrollHeight)")
        self.settle()

    def settle(self) -> None:
        """Waits until what is shown is there, and checks it."""
        expect(self.page.locator("#main .loading")).to_have_count(0)
        expect(self.page.get_by_text("This page failed")).to_have_count(0)
        found = self.page.evaluate(LOOK)
        assert found["hit"] is None, found
        assert not found["links"], found
        assert not found["frames"], found
        assert not found["handlers"], found
        assert found["wide"] is None, found
        assert not self.dialogs

    def done(self) -> None:
        errors = [error for error in self.watched.errors if not SANDBOXED.search(error)]
        self.watched.errors.clear()
        assert not errors, errors


LOOK = """() => {
  const name = (each) => each.outerHTML.slice(0, 200);
  const links = [...document.querySelectorAll("a[href], area[href]")].filter((each) => {
    const url = new URL(each.href, location.href);
    if (!/^https?:$/.test(url.protocol) && url.protocol !== "blob:") return true;
    return url.origin !== location.origin && !/\\bnoopener\\b/.test(each.rel);
  });
  const frames = [...document.querySelectorAll("iframe, embed, object")].filter((each) =>
    each.tagName !== "IFRAME" || !each.hasAttribute("sandbox")
      || each.getAttribute("sandbox").includes("same-origin")
      || !new URL(each.src, location.href).href.startsWith(location.origin));
  const handlers = [...document.querySelectorAll("#app *")].filter((each) =>
    each.getAttributeNames().some((attribute) => attribute.startsWith("on")));
  const root = document.documentElement;
  const held = (each) => each && each !== root
    && (getComputedStyle(each).overflowX !== "visible" || held(each.parentElement));
  const out = () => [...document.querySelectorAll("#app *")].filter((each) =>
    each.getBoundingClientRect().right > root.clientWidth + 1 && !held(each.parentElement));
  return {
    hit: window.hit ?? ({}).polluted ?? null,
    links: links.map(name),
    frames: frames.map(name),
    handlers: handlers.map(name),
    wide: root.scrollWidth > root.clientWidth ? out().slice(-2).map(name) : null,
  };
}"""


@pytest.fixture
def guard(watched: Watched) -> Guard:
    return Guard(watched)


def test_a_hostile_run(guard: Guard, run_id: str) -> None:
    guard.visit(f"/runs/{quote(run_id, safe='')}")
    guard.page.get_by_role("tab", name="Overview").click()
    expect(guard.page.get_by_role("heading", level=1)).to_contain_text(MARKUP)
    guard.done()


def test_a_hostile_project(guard: Guard, site: Site, run_id: str) -> None:
    for path in ("", "/charts", "/artifacts", "/reports"):
        guard.visit(f"/projects/hostile{path}")
    site.run("hostile-2", "hostile", [{"loss": 1.0}], name=LONG, config={"long": QUOTES})
    guard.visit(f"/projects/hostile/compare?runs={quote(run_id, safe='')},hostile-2")
    guard.done()


def test_hostile_names_of_projects(guard: Guard, site: Site) -> None:
    site.run("hostile-3", PROJECT, [{MARKUP: 1.0}], name=BACKWARDS)
    site.run("hostile-4", LONG[:290])
    guard.visit("/")
    guard.visit(f"/projects/{quote(PROJECT, safe='')}")
    guard.page.get_by_role("button", name="Project:").click()
    expect(guard.page.get_by_label("Find a project")).to_be_visible()
    guard.settle()
    guard.done()


def test_a_hostile_sweep(guard: Guard, site: Site) -> None:
    sweep_id = add_held_sweep(site.store, SWEEP)
    site.store.set_sweep_state(sweep_id, SweepState.RUNNING)
    trials = [NewTrial(n, {"text": MARKUP, "lr": n / 10}) for n in (1, 2)]
    site.store.add_trials(sweep_id, 1, trials, {})
    guard.visit(f"/sweeps/{sweep_id}")
    expect(guard.page.get_by_text(MARKUP).first).to_be_visible()
    guard.visit(f"/runs/{sweep_id}-1")
    guard.visit("/")
    guard.visit("/server")
    guard.done()


def test_a_hostile_artifact(guard: Guard, site: Site, run_id: str) -> None:
    made = site.ask("GET", f"/api/runs/{quote(run_id, safe='')}/artifacts")
    logged = next(iter(made.get("logged") or made["artifacts"]))
    guard.visit(f"/artifacts/{logged['id']}")
    guard.done()


def test_a_hostile_report(guard: Guard, site: Site, run_id: str) -> None:
    report = site.ask(
        "POST", "/api/reports", {"project": "hostile", "title": MARKUP, "text": MARKDOWN}
    )
    guard.visit(f"/reports/{report['id']}")
    expect(guard.page.get_by_role("heading", level=1).first).to_contain_text(MARKUP)
    guard.done()


def test_hostile_addresses(guard: Guard) -> None:
    for text in (MARKUP, QUOTES, LINK, "..%2f..", "%", "%00", "__proto__"):
        escaped = text if text.startswith(("%", "..")) else quote(text, safe="")
        for path in (f"/runs/{escaped}", f"/projects/{escaped}?filters={escaped}&sort={escaped}"):
            guard.page.goto(path)
            expect(guard.page.locator("#main .loading")).to_have_count(0)
            guard.settle()
    guard.watched.errors[:] = [each for each in guard.watched.errors if not each.startswith("4")]
    guard.done()


def test_a_file_opened_by_itself_may_do_nothing(page: Page, site: Site, run_id: str) -> None:
    api = f"/api/runs/{quote(run_id, safe='')}"
    files = site.ask("GET", f"{api}/files")["files"]
    for name in (each["path"] for each in files if each["path"].endswith((".html", ".svg"))):
        for more in ("", "&scripts=1"):
            answer = page.request.get(f"{api}/file?path={quote(name, safe='')}{more}")
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("sandbox")
            assert "allow-same-origin" not in policy
            assert "default-src 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_logged_page_whose_scripts_one_runs_stays_shut_in(guard: Guard, run_id: str) -> None:
    page = guard.page
    page.goto(f"/runs/{quote(run_id, safe='')}?tab=media")
    page.get_by_role("button", name="Run its scripts").first.click()
    frame = page.frame_locator("iframe[sandbox=allow-scripts]")
    expect(frame.get_by_role("heading", name="logged")).to_be_visible()
    # It did run, and was stopped at the first thing that it tried.
    tried = 'Blocked a frame with origin "null"'
    until(lambda: page.title() and any(tried in error for error in guard.watched.errors))
    guard.settle()
    guard.watched.errors.clear()


def test_the_policy_would_stop_what_we_overlooked(page: Page, watched: Watched) -> None:
    page.goto("/server")
    with pytest.raises(Error, match="TrustedHTML"):
        page.evaluate("html => { document.body.innerHTML = html }", MARKUP)
    page.evaluate(
        """() => {
          const one = document.createElement("a");
          one.setAttribute("href", "javascript:window.hit=1");
          document.body.append(one);
          one.click();
        }"""
    )
    until(lambda: any("Content Security Policy" in each for each in watched.errors))
    assert page.evaluate("window.hit ?? null") is None
    watched.errors.clear()
