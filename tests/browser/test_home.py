"""The home page: sweeps as they stand, projects, searches, and what to do first."""

from __future__ import annotations

from pathlib import Path

from browser_site import KEY, Site
from playwright.sync_api import Browser, Page, expect

from benchmarks.demo_data import add_held_sweep
from controller.store import NewTrial
from opensweep.local import Settings, start_server, stop_server
from sweeps.trial import AttemptState, Outcome, Reason, SweepState

SWEEP = """
program: train.py
name: {name}
project: {project}
method: random
metric: {{name: loss, goal: minimize}}
run_cap: 10
parameters: {{lr: {{min: 0.0, max: 1.0}}}}
"""
ENDS = {
    "finished": (AttemptState.FINISHED, Reason.OK),
    "failed": (AttemptState.FAILED, Reason.ERROR),
}


def begin(site: Site, name: str, project: str, *ends: str) -> str:
    """A sweep that runs, with a trial for each of `ends`, one that runs and one that waits."""
    sweep = add_held_sweep(site.store, SWEEP.format(name=name, project=project))
    site.store.set_sweep_state(sweep, SweepState.RUNNING)
    new = [NewTrial(n, {"lr": n / 10}) for n in range(1, len(ends) + 3)]
    site.store.add_trials(sweep, 1, new, {})
    for number, end in enumerate(ends, 1):
        start(site, f"{sweep}-{number}")
        finish(site, f"{sweep}-{number}", end, number / 8)
    start(site, f"{sweep}-{len(ends) + 1}")
    return sweep


def start(site: Site, trial: str) -> None:
    token = site.store.get_trial(trial).token
    site.store.start_attempt(trial, token, agent_id="a", host="box", device="cpu")


def finish(site: Site, trial: str, end: str, objective: float) -> None:
    state, reason = ENDS[end]
    token = site.store.get_trial(trial).token
    outcome = Outcome(state, reason)
    site.store.end_attempt(trial, token, outcome, objective=objective, retry=lambda _: False)


def test_sweeps_as_they_stand_and_as_they_change(site: Site, page: Page, project: str) -> None:
    sweep = begin(site, "night run", project, "finished", "finished", "failed")
    page.goto(f"/?search={project}")
    row = page.get_by_role("row", name="night run")
    expect(row.get_by_text("running", exact=True)).to_be_visible()
    expect(row).to_contain_text("3 of 10")
    expect(row).to_contain_text("1 running")
    expect(row).to_contain_text("1 failed")
    expect(row).to_contain_text("0.125")
    bar = row.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuetext", "3 of 10 trials are over")
    finish(site, f"{sweep}-4", "finished", 0.0625)  # while one looks
    expect(row).to_contain_text("4 of 10")
    expect(row).to_contain_text("0.0625")
    listed = page.get_by_role("region", name="Projects").get_by_role("listitem")
    expect(listed.filter(has_text=project)).to_contain_text("5 runs")
    row.get_by_role("link", name="night run").click()
    expect(page).to_have_url(f"{site.url}/sweeps/{sweep}")


def test_sweeps_are_found_and_sorted(site: Site, page: Page, project: str) -> None:
    ids = {name: begin(site, name, project) for name in ("beta", "alpha", "gamma")}
    site.store.set_sweep_state(ids["gamma"], SweepState.PAUSED)
    page.goto(f"/?search={project}")
    rows = page.get_by_role("rowheader")
    expect(rows).to_have_count(3)
    page.get_by_label("Sort by").select_option("Name")
    expect(rows).to_have_text(
        [f"{name}{ids[name]}{project}" for name in ("alpha", "beta", "gamma")]
    )
    page.get_by_role("button", name="paused 1").click()
    expect(rows).to_have_text([f"gamma{ids['gamma']}{project}"])
    page.reload()  # the address says all of it
    expect(rows).to_have_text([f"gamma{ids['gamma']}{project}"])
    page.get_by_role("button", name="All 3").click()
    expect(rows).to_have_count(3)
    search = page.get_by_label("Search sweeps and projects")
    search.fill(f"{project} ALPHA")
    expect(rows).to_have_count(1)
    search.fill("nothing is called so")
    expect(page.get_by_role("heading", name="No sweep fits")).to_be_visible()
    page.get_by_role("button", name="Show all sweeps").click()
    expect(search).to_have_value("")
    expect(rows.first).to_be_visible()


def test_of_many_sweeps_a_page_is_shown(site: Site, page: Page, project: str) -> None:
    for number in range(60):
        site.store.create_sweep(
            sweep_id=f"{project[-8:].lower()}{number}",
            name=f"many {number:02}",
            project=project,
            yaml="",
            spec={"method": "random", "parameters": {"lr": {"min": 0, "max": 1}}},
            seed=1,
            origin={},
        )
    page.goto(f"/?search={project}&order=name")
    rows = page.get_by_role("rowheader")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Show more (50 of 60)").click()
    expect(rows).to_have_count(60)


def test_what_is_called_like_markup_is_text(site: Site, page: Page) -> None:
    evil = "<img src=x onerror=alert(1)>"
    site.sweep(SWEEP.format(name=f'"{evil}"', project='"<b>bold</b>"'))
    page.goto("/?search=onerror")
    expect(page.get_by_role("link", name=evil)).to_be_visible()
    expect(page.get_by_role("link", name="<b>bold</b>").first).to_be_visible()


def test_first_steps_where_there_is_nothing(tmp_path: Path, browser: Browser) -> None:
    settings = Settings(home=tmp_path / "home", key=KEY)
    url = start_server(settings, port=0)
    try:
        with Site(url, settings.home) as empty:
            context = browser.new_context(base_url=url)
            empty.log_in(context)
            page = context.new_page()
            page.goto("/")
            expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
            expect(page.get_by_label("the environment for wandb", exact=True)).to_contain_text(
                f"WANDB_BASE_URL={url}"
            )
            empty.run("first", "p")  # it appears by itself
            expect(page.get_by_role("heading", name="Projects")).to_be_visible()
            expect(page.get_by_role("heading", name="No sweep yet")).to_be_visible()
            context.close()
    finally:
        stop_server(settings)
