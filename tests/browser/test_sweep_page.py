"""The page of a sweep: live with a real agent, every button of it, and all trials as a table."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from browser_site import KEY, Site, Watched, until
from playwright.sync_api import Browser, Page, expect

from benchmarks.demo_data import add_held_sweep
from controller.store import NewTrial
from controller.store.keys import Role
from opensweep.local import Settings, start_server, stop_server
from sweeps.trial import AttemptState, Outcome, Reason

SCRIPT = """
import pathlib, time
import opensweep

run = opensweep.init()
for step in range(2000):
    run.log({"loss": run.config["lr"] + 1 / (step + 1)})
    if run.config["lr"] > 0.5 and pathlib.Path("broken").exists():
        raise ValueError("the loss is not finite")
    if pathlib.Path("go").exists():
        break
    time.sleep(0.02)
"""
SWEEP = """\
program: train.py
project: {project}
name: digits
method: random
metric: {{name: loss, goal: minimize}}
run_cap: 3
retry: {{max: 0}}
parameters:
  lr: {{min: 0.001, max: 0.4, distribution: log_uniform_values}}
  optimizer: {{values: [adam, sgd]}}
"""


@contextlib.contextmanager
def agent(url: str, sweep: str, folder: Path) -> Iterator[None]:
    """`sweep agent` in a process of its own; its trials end when `folder` has a file `go`."""
    (folder / "train.py").write_text(SCRIPT)
    environ = {
        **os.environ,
        "OPENSWEEP_URL": url,
        "OPENSWEEP_API_KEY": KEY,
        "OPENSWEEP_HOME": str(folder / "home"),
    }
    command = [Path(sys.executable).with_name("sweep"), "agent", sweep, "--slots", "2"]
    with (folder / "agent.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            (folder / "go").touch()
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def confirm(page: Page, title: str, action: str) -> None:
    dialog = page.get_by_role("dialog", name=re.compile(title))
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(dialog).to_be_hidden()


def badge(page: Page, state: str) -> None:
    expect(page.locator(".sweep-title .badge")).to_have_text(state)


def test_a_sweep_from_its_first_trial_to_its_last(
    site: Site, watched: Watched, project: str, tmp_path: Path
) -> None:
    page = watched.page
    sweep = site.sweep(SWEEP.format(project=project))
    page.goto(f"/sweeps/{sweep}?tab=trials")
    badge(page, "pending")
    expect(page.get_by_text("no agent works on it yet")).to_be_visible()
    expect(page.get_by_text(f"sweep agent {sweep}", exact=True).first).to_be_visible()
    counts, panel = page.locator(".sweep-progress"), page.get_by_role("complementary")

    with agent(site.url, sweep, tmp_path):
        badge(page, "running")
        expect(counts).to_contain_text("0 of 3 trials are over: 2 running")
        page.get_by_role("tab", name="Agents 1").click()
        expect(page.get_by_text("2 of 2 slots busy on CPU")).to_be_visible()

        # One trial is stopped; the sweep goes on with the next.
        page.get_by_role("button", name="trial 1", exact=True).click()
        panel.get_by_role("button", name="Stop this trial").click()
        confirm(page, "Stop trial 1", "Stop this trial")
        expect(panel.get_by_text("stopped by").first).to_be_visible()
        expect(counts).to_contain_text("1 of 3 trials are over: 1 stopped, 2 running")
        panel.get_by_role("button", name="Close").click()

        # Paused: what runs may end, nothing begins. A configuration waits its turn.
        page.get_by_role("button", name="Pause").click()
        confirm(page, "Pause", "Pause")
        badge(page, "paused")
        page.get_by_role("button", name="Change run_cap").click()
        page.get_by_label("run_cap").fill("4")
        confirm(page, "How many trials", "Change")
        expect(counts).to_contain_text("1 of 4 trials")
        page.get_by_role("button", name="Try a configuration").click()
        page.get_by_label("lr").fill("7")
        page.get_by_role("button", name="Add the trial").click()
        expect(page.get_by_role("alert")).to_contain_text("lr")
        assert [error[:3] for error in watched.errors] == ["400"]
        watched.errors.clear()
        page.get_by_label("lr").fill("0.3")
        page.get_by_label("optimizer").select_option("sgd")
        confirm(page, "Try a configuration", "Add the trial")
        expect(counts).to_contain_text("1 queued")
        (tmp_path / "go").touch()
        expect(counts).to_contain_text("3 of 4 trials are over: 2 finished, 1 stopped, 1 queued")
        page.get_by_role("button", name="Resume").click()
        confirm(page, "Resume", "Resume")
        badge(page, "finished")

    expect(counts).to_contain_text("4 of 4 trials are over: 3 finished, 1 stopped")
    expect(page.get_by_text("run_cap 4 is reached")).to_be_visible()
    # At its cap only what the server takes is offered; a lower cap takes nothing back.
    expect(page.get_by_text("It goes on if you raise run_cap; a configuration")).to_be_visible()
    expect(page.get_by_role("button", name="Try a configuration")).to_be_disabled()
    page.get_by_role("button", name="Change run_cap").click()
    page.get_by_label("run_cap").fill("1")
    expect(page.get_by_text("4 trials are there: no more will come.")).to_be_visible()
    confirm(page, "How many trials", "Change")
    expect(page.get_by_text("4, no more will come (run_cap 1)")).to_be_visible()
    expect(counts).to_contain_text("4 of 4 trials are over: 3 finished, 1 stopped")
    page.get_by_role("tab", name="Trials").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("button", name="Trial 4"))
    for text in ("finished", "0.3", "sgd"):
        expect(row).to_contain_text(text)
    trials = site.ask("GET", f"/api/sweeps/{sweep}/trials")["trials"]
    assert [trial["enqueued"] for trial in trials][:3] == [None, None, None]


def test_failed_trials_are_retried_after_the_end(
    site: Site, page: Page, project: str, tmp_path: Path
) -> None:
    yaml = SWEEP.format(project=project).replace("run_cap: 3", "run_cap: 1")
    sweep = site.sweep(yaml.replace("0.4,", "0.9,").replace("0.001", "0.6"))
    (tmp_path / "broken").touch()
    page.goto(f"/sweeps/{sweep}?tab=trials")
    with agent(site.url, sweep, tmp_path):
        expect(page.get_by_text("All of its trials failed")).to_be_visible()
    page.get_by_role("row").filter(has=page.get_by_role("button", name="Trial 1")).click()
    panel = page.get_by_role("complementary")
    expect(panel.get_by_text("ValueError: the loss is not finite").first).to_be_visible()
    (tmp_path / "broken").unlink()
    page.get_by_role("button", name="Retry 1 failed").click()
    confirm(page, "Try 1 failed trial again", "Retry")
    badge(page, "running")
    with agent(site.url, sweep, tmp_path):
        badge(page, "finished")
    expect(panel.get_by_role("listitem")).to_have_count(2)
    expect(page.locator(".sweep-progress")).to_contain_text("1 of 1 trials are over: 1 finished")


def test_a_sweep_is_stopped_or_canceled(site: Site, page: Page, project: str) -> None:
    for button, action, state in (
        ("Stop", "Stop", "finished"),
        ("Cancel", "Cancel the sweep", "canceled"),
    ):
        sweep = site.sweep(SWEEP.format(project=project))
        page.goto(f"/sweeps/{sweep}")
        page.get_by_role("button", name=button, exact=True).click()
        confirm(page, f"{button} the sweep", action)
        badge(page, state)
    expect(page.get_by_text("It cannot go on")).to_be_visible()
    expect(page.get_by_role("button", name="Try a configuration")).to_have_count(0)


def test_its_file_is_changed(site: Site, watched: Watched, project: str) -> None:
    page = watched.page
    sweep = site.sweep(SWEEP.format(project=project))
    page.goto(f"/sweeps/{sweep}?tab=configuration")
    page.get_by_role("button", name="Edit the file").click()
    file = page.get_by_label("Sweep file", exact=True).and_(page.locator("textarea"))
    file.fill(SWEEP.format(project=project).replace("method: random", "method: guess"))
    page.get_by_role("button", name="Save").click()
    confirm(page, "Give the sweep this file", "Save")
    expect(page.get_by_role("alert")).to_contain_text("Line 4, method:")
    assert [error[:3] for error in watched.errors] == ["400"]
    watched.errors.clear()
    file.fill(SWEEP.format(project=project).replace("method: random", "method: bayes"))
    page.get_by_role("button", name="Save").click()
    confirm(page, "Give the sweep this file", "Save")
    expect(page.locator(".sweep-numbers")).to_contain_text("bayes")
    expect(file).to_have_count(0)


def filled(site: Site, project: str, count: int) -> str:
    """A sweep with trials that are over; no agent ran them."""
    yaml = SWEEP.format(project=project).replace("run_cap: 3", "run_cap: 9999")
    sweep = add_held_sweep(site.store, yaml)
    new = [
        NewTrial(n, {"lr": n / 10_000, "optimizer": "adam" if n % 2 else "sgd"})
        for n in range(1, count + 1)
    ]
    site.store.enqueue_trials(sweep, new, [f"ann:{trial.number}" for trial in new])
    ok = Outcome(AttemptState.FINISHED, Reason.OK)
    broke = Outcome(AttemptState.FAILED, Reason.OUT_OF_GPU_MEMORY, "CUDA out of memory")
    for trial in new:
        name = f"{sweep}-{trial.number}"
        site.store.start_attempt(name, 1, agent_id="a", host="box1", device="cuda:0")
        outcome = broke if trial.number % 10 == 0 else ok
        site.store.end_attempt(name, 1, outcome, objective=1 / trial.number, retry=lambda _: False)
    return sweep


def test_the_trials_are_sorted_filtered_and_searched(site: Site, page: Page, project: str) -> None:
    sweep = filled(site, project, 60)
    page.goto(f"/sweeps/{sweep}?tab=trials")
    first = page.get_by_role("row").nth(1)
    expect(first).to_contain_text("60")
    page.get_by_role("columnheader", name="loss").click()
    expect(first).to_contain_text("59")  # the least loss; 60 failed
    page.get_by_role("columnheader", name="lr").click()
    expect(first).to_contain_text("0.0001")
    page.get_by_role("group", name="States").get_by_role("button", name="failed 6").click()
    expect(page.get_by_text("6 of 60 trials")).to_be_visible()
    expect(first).to_contain_text("CUDA out of memory")
    page.reload()
    expect(page.get_by_text("6 of 60 trials")).to_be_visible()
    page.get_by_role("searchbox").fill("lr=0.003")
    expect(page.get_by_text("1 of 60 trials")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_text("60 trials", exact=True)).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="optimizer").uncheck()
    expect(page.get_by_role("columnheader", name="optimizer")).to_have_count(0)
    page.keyboard.press("Escape")
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    lines = Path(saved.value.path()).read_text().splitlines()
    assert lines[0].startswith("Trial,State,loss (best),lr,Duration")
    assert (len(lines), lines[1].split(",")[3]) == (61, "0.0001")


def test_who_may_only_read_sees_no_buttons(site: Site, browser: Browser, project: str) -> None:
    sweep = filled(site, project, 1)
    _, key = site.store.add_key(project[:30], Role.READ)
    context = browser.new_context(base_url=site.url)
    context.request.post(f"{site.url}/api/session", data={"key": key})
    page = context.new_page()
    page.goto(f"/sweeps/{sweep}?tab=trials")
    page.get_by_role("row").nth(1).click()
    expect(page.get_by_role("heading", name="Configuration")).to_be_visible()
    for name in ("Pause", "Cancel", "Try a configuration", "Change run_cap", "Try a variation"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    context.close()


def test_a_server_that_comes_back_is_followed_again(browser: Browser, tmp_path: Path) -> None:
    """In mid-sweep: the page says that it is gone, and then goes on by itself."""
    settings = Settings(home=tmp_path / "server", key=KEY)
    url = start_server(settings, port=0)
    with Site(url, settings.home) as site:
        sweep = site.sweep(SWEEP.format(project="p"))
        context = browser.new_context(base_url=url)
        site.log_in(context)
        page = context.new_page()
        page.goto(f"/sweeps/{sweep}")
        counts = page.locator(".sweep-progress")
        with agent(url, sweep, tmp_path):
            expect(counts).to_contain_text("2 running")
            stop_server(settings)
            expect(page.get_by_text("The server does not answer")).to_be_visible()
            assert start_server(settings, port=int(url.rpartition(":")[2])) == url
            expect(page.get_by_text("The server does not answer")).to_have_count(0)
            (tmp_path / "go").touch()
            badge(page, "finished")
        expect(counts).to_contain_text("3 of 3 trials are over: 3 finished")
        until(lambda: site.ask("GET", f"/api/sweeps/{sweep}")["state"] == "finished")
        context.close()
    stop_server(settings)


def test_a_stuck_sweep_says_so_on_its_page_and_in_the_list(site: Site, watched: Watched) -> None:
    page = watched.page
    sweep = add_held_sweep(site.store, SWEEP.format(project="troubled"))
    page.goto(f"/sweeps/{sweep}")
    expect(page.locator(".sweep-next")).to_have_count(1)
    site.store.set_trouble(sweep, "Optuna's sampler X fails (ValueError: too few)")
    stuck = page.get_by_role("alert").filter(has_text="Stuck: Optuna's sampler X fails")
    expect(stuck).to_contain_text("Configuration")
    page.goto("/")
    row = page.get_by_role("row").filter(has_text=sweep)
    expect(row.get_by_text("stuck", exact=True)).to_be_visible()
    site.store.set_trouble(sweep, "")
    expect(row.get_by_text("stuck", exact=True)).to_be_hidden()
