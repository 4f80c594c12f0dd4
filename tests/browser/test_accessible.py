"""Every page for everybody: one heading, a title, names for what can be used, a focus that is seen,
no way to get stuck, and no sideways scrolling on a phone.

Names are those that Chromium computes for screen readers. Each page is looked at with all of its
tabs, with data, in both sizes.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from browser_site import Site
from playwright.sync_api import Page, expect

from benchmarks.demo_data import add_sweep

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
NAMED = {
    "button", "link", "textbox", "searchbox", "combobox", "listbox", "checkbox", "radio", "switch",
    "slider", "spinbutton", "tab", "menuitem", "menuitemcheckbox", "option", "dialog", "grid",
    "image", "img", "Iframe", "navigation", "tablist", "menu", "progressbar",
    "columnheader",
}  # fmt: skip
LOOK = """() => {
  const shown = (each) => each.checkVisibility({checkVisibilityCSS: true});
  const all = (selector) => [...document.querySelectorAll(selector)];
  const name = (each) => each.outerHTML.slice(0, 160);
  const ids = all("[id]").map((each) => each.id);
  const refers = (each, attribute) =>
    (each.getAttribute(attribute) ?? "").split(/\\s+/).filter(Boolean);
  const lost = ["aria-labelledby", "aria-describedby"].flatMap((attribute) =>
    all(`[${attribute}]`).filter((each) =>
      refers(each, attribute).some((id) => !document.getElementById(id))));
  return {
    headings: all("h1").filter(shown).map((each) => each.textContent),
    mains: all("main").length,
    banners: all("body > #app > header").length,
    "the same id twice": ids.filter((id, i) => ids.indexOf(id) !== i),
    "refers to nothing": lost.map(name),
    "before others by tabindex": all("[tabindex]").filter((each) => each.tabIndex > 0).map(name),
    "a picture without words": all("canvas, img").filter((each) => shown(each)
      && !each.hasAttribute("alt") && !each.ariaLabel && !each.getAttribute("aria-labelledby")
      && !each.closest("[aria-hidden=true], [role=img], [aria-roledescription]")).map(name),
    "a control in a control": all("button button, a a, a button, button a").map(name),
  };
}"""
FOCUSED = """() => {
  const each = document.activeElement;
  const box = each.getBoundingClientRect();
  const style = getComputedStyle(each);
  return {
    name: each.outerHTML.slice(0, 120),
    body: each === document.body,
    seen: box.width > 0 && box.height > 0,
    marked: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
      || each.matches("iframe, .lineage-node"),
  };
}"""


@pytest.fixture(scope="module")
def addresses(site: Site) -> dict[str, str]:
    """Of every page, each with something to show."""
    for i in range(3):
        rows = [{"loss": 1 / (s + 1 + i), "val/acc": s / 9, "epoch": s // 3} for s in range(9)]
        site.run(
            f"accessible-{i}",
            "accessible",
            rows,
            name=f"a run of a rather long name, number {i}",
            config={"lr": 0.1 / (i + 1), "model": {"depth": i, "name": "resnet"}},
            ended=None if i == 2 else i,
        )
    sweep_id = add_sweep(site.store, "seen", "accessible", 12, points=8)
    text = "# Seen\n\nWords, [a link](https://example.org).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    report = site.ask(
        "POST", "/api/reports", {"project": "accessible", "title": "What we saw", "text": text}
    )
    artifact = site.artifact("accessible", "kept", {"a/notes.md": b"# Kept", "b.json": b"{}"})
    return {
        "home": "/",
        "runs": "/projects/accessible",
        "workspace": "/projects/accessible/charts",
        "compare": "/projects/accessible/compare?runs=accessible-0,accessible-1",
        "reports": "/projects/accessible/reports",
        "artifacts": "/projects/accessible/artifacts",
        "artifact": f"/artifacts/{artifact}",
        "sweep": f"/sweeps/{sweep_id}",
        "run": f"/runs/{sweep_id}-1",  # a trial's: it has the most to show
        "report": f"/reports/{report['id']}",
        "server": "/server",
        "nowhere": "/nowhere",
    }


PAGES = ("home", "runs", "workspace", "compare", "reports", "artifacts", "artifact", "sweep", "run",
         "report", "server", "nowhere")  # fmt: skip


@pytest.mark.parametrize("which", PAGES)
def test_a_page_is_for_everybody(page: Page, addresses: dict[str, str], which: str) -> None:
    page.goto(addresses[which])
    settled(page)
    tabs = page.locator("main [role=tab]").all_inner_texts() or [""]
    for tab in tabs:
        if tab:
            page.get_by_role("tab", name=tab).first.click()
            settled(page)
        look(page, f"{which} {tab}")
    page.set_viewport_size(PHONE)
    for tab in reversed(tabs):
        if tab:
            page.get_by_role("tab", name=tab).first.click()
            settled(page)
        fits(page, f"{which} {tab}")
    page.set_viewport_size(DESK)
    tab_through(page)


def settled(page: Page) -> None:
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    expect(page.locator("#main .loading")).to_have_count(0)


def look(page: Page, where: str) -> None:
    found: dict[str, Any] = page.evaluate(LOOK)
    assert len(found.pop("headings")) == 1, where
    assert (found.pop("mains"), found.pop("banners")) == (1, 1), where
    assert {what: said for what, said in found.items() if said} == {}, where
    expect(page, where).to_have_title(re.compile(".+ · opensweep"))
    assert nameless(page) == [], where


def nameless(page: Page) -> list[str]:
    """What can be used or must be understood, and has no name for a screen reader."""
    client = page.context.new_cdp_session(page)
    nodes = client.send("Accessibility.getFullAXTree")["nodes"]
    found = [
        node
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] in NAMED
        and not node.get("name", {}).get("value", "").strip()
    ]
    described = []
    for node in found:
        try:
            told = client.send("DOM.resolveNode", {"backendNodeId": node["backendDOMNodeId"]})
            html = client.send(
                "Runtime.callFunctionOn",
                {
                    "objectId": told["object"]["objectId"],
                    "functionDeclaration": "function () { return this.outerHTML.slice(0, 200) }",
                },
            )
            described.append(f"{node['role']['value']}: {html['result'].get('value')}")
        except KeyError:
            described.append(node["role"]["value"])
    client.detach()
    return described


def fits(page: Page, where: str) -> None:
    wide = page.evaluate(
        """() => {
          const root = document.documentElement;
          if (root.scrollWidth <= root.clientWidth) return null;
          const held = (each) => each && each !== root
            && (getComputedStyle(each).overflowX !== "visible" || held(each.parentElement));
          const out = [...document.querySelectorAll("#app *")].filter((each) =>
            each.getBoundingClientRect().right > root.clientWidth + 1 && !held(each.parentElement));
          return [root.scrollWidth, ...out.slice(0, 3).map((each) => each.outerHTML.slice(0, 120))];
        }"""
    )
    assert wide is None, (where, wide)


def tab_through(page: Page) -> None:
    """The Tab key goes on, and one sees where one is."""
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    names = []
    for _ in range(20):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at["body"]:
            break
        assert at["seen"], at
        assert at["marked"], at
        names.append(at["name"])
    assert len(set(names)) >= min(len(names), 4), names


def test_a_dialog_keeps_the_keys_and_gives_the_focus_back(page: Page) -> None:
    page.goto("/server")
    settled(page)
    opener = page.get_by_role("button", name="You and your settings")
    for leave in ("Escape", "Close"):
        opener.click()
        page.get_by_role("menuitem", name="Keyboard shortcuts").click()
        dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
        expect(dialog).to_be_visible()
        for _ in range(4):
            page.keyboard.press("Tab")
            # Within the dialog, or at the browser's own controls: never at the page behind.
            assert page.evaluate("!document.activeElement.closest('#app > :not(dialog)')")
        if leave == "Escape":
            page.keyboard.press("Escape")
        else:
            page.get_by_role("button", name="Close").click()
        expect(dialog).to_have_count(0)
        expect(opener).to_be_focused()
    opener.click()
    page.get_by_role("menuitem", name="Keyboard shortcuts").click()
    box = page.get_by_role("dialog").bounding_box()
    assert box
    page.mouse.click(box["x"] + 3, box["y"] + 3)  # its padding is a part of it
    expect(page.get_by_role("dialog")).to_be_visible()
    page.mouse.click(box["x"] - 20, box["y"] - 20)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_whoever_wants_less_motion_gets_it(page: Page, addresses: dict[str, str]) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(addresses["sweep"])
    settled(page)
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((each) => {
          const style = getComputedStyle(each);
          const longest = (text) => Math.max(...text.split(",").map(parseFloat));
          return longest(style.transitionDuration) > 0.01
            || (style.animationName !== "none" && longest(style.animationDuration) > 0.01);
        }).map((each) => each.outerHTML.slice(0, 120))"""
    )
    assert moving == []
