"""The colours of the pages can be read: WCAG 2 AA, of the tokens of base.css, light and dark."""

from __future__ import annotations

import re

import pytest

from controller.dashboard.assets import FOLDER

CSS = (FOLDER / "css" / "base.css").read_text()
TEXTS = ("text", "quiet", "accent", "good", "warn", "bad")


def tokens(selector: str) -> dict[str, str]:
    """The colours that a rule of base.css sets."""
    (block,) = re.findall(re.escape(selector) + r"\s*\{(.*?)\}", CSS, flags=re.DOTALL)
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6});", block))


LIGHT = tokens("\n:root")
DARK = {**LIGHT, **tokens(':root[data-theme="dark"]')}


def luminance(color: str) -> float:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_and_edges_be_seen(theme: dict[str, str]) -> None:
    for ground in ("ground", "raised"):
        for name in TEXTS:
            assert contrast(theme[name], theme[ground]) >= 4.5, (name, ground)
        assert contrast(theme["edge"], theme[ground]) >= 3, ground  # of inputs
        assert contrast(theme["accent"], theme[ground]) >= 3, ground  # of the focus
    assert contrast(theme["on-accent"], theme["accent"]) >= 4.5
    assert contrast(theme["ground"], theme["text"]) >= 4.5  # short notices


def test_dark_by_choice_is_dark_by_the_system() -> None:
    assert tokens(':root:not([data-theme="light"])') == tokens(':root[data-theme="dark"]')
    assert set(tokens(':root[data-theme="dark"]')) == set(LIGHT)


def test_the_focus_is_seen_everywhere() -> None:
    """Who takes the outline away puts something in its place; `main` is focused on arrival, and is
    no control."""
    rules = "".join(path.read_text() for path in sorted((FOLDER / "css").glob("*.css")))
    bare = re.findall(r"([^{}]+)\{[^{}]*outline:\s*(?:none|0)\b", rules)
    for selector in {each.strip().splitlines()[-1] for each in bare} - {"main:focus"}:
        instead = rf"{re.escape(selector)}[^{{}}]*\{{[^{{}}]*(?:stroke|border|background|shadow)"
        assert re.search(instead, rules), selector
