"""Sweep files, damaged and made up: read, or refused with a SpecError; never a fault, never a hang.

What is read must be of use: its search gives configurations, and its recorded form is read again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from depth import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweeps.errors import SpecError
from sweeps.search import make_searcher
from sweeps.spec import load_spec, spec_from_mapping
from sweeps.stopping import make_rule

FILES = sorted((Path(__file__).resolve().parents[2] / "sweep_configs").glob("*.yaml"))
TEXTS = [file.read_text() for file in FILES]
TREES = [yaml.safe_load(text) for text in TEXTS]
quick = settings(deadline=10_000, suppress_health_check=list(HealthCheck), print_blob=True)
"""A sweep file is a page of text: whatever is in it, 10 s are a hang."""

ODD = (
    "\t \n :_ -_ &a_ *a <<:_ !!python/object:os.system_ !!set_ { } [ ] ' \" | > % ---\n ...\n # ? ~"
    " \0 \x85 \ufeff 1e400 .nan -.inf 0x 1_0 ${envvar:HOME} ${args} null"
)
pieces = st.one_of(
    st.text(max_size=6),
    st.sampled_from([*(each.replace("_", " ") for each in re.split(" +", ODD)), "9" * 400]),
)
words = sorted(
    {word for text in TEXTS for word in text.replace(":", " ").split() if word.isidentifier()}
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([10**30, -(2**63) - 1, 1e308, -1e-308]),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(words),
    st.sampled_from(["grid", "random", "bayes", "hyperband", "q_log_uniform_values", "maximize"]),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(words) | st.text(max_size=4), inner, max_size=4),
    ),
    max_leaves=12,
)


def look(text: str) -> None:
    try:
        spec = load_spec(text, path="s.yaml")
    except SpecError as error:
        assert str(error).startswith("s.yaml")  # noqa: PT017
        return
    again = spec_from_mapping(json.loads(json.dumps(spec.source)))
    searcher = make_searcher(again, 1, ())
    for suggestion in searcher.ask(2):
        assert json.loads(json.dumps(suggestion.config)) is not None
    make_rule(again)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.sampled_from([0, 0, 1, 3, 20, 10_000]))
        text = text[:at] + draw(pieces) + text[at + cut :]
    return text


@st.composite
def changed(draw: st.DrawFn) -> str:
    def change(value: Any) -> Any:
        if isinstance(value, dict) and value and draw(st.integers(0, 9)):
            name = draw(st.sampled_from(sorted(value, key=str)))
            if not draw(st.integers(0, 5)):
                return {**value, draw(st.sampled_from(words)): draw(trees)}
            return {**value, name: change(value[name])}
        if isinstance(value, list) and value and draw(st.integers(0, 3)):
            at = draw(st.integers(0, len(value) - 1))
            return [*value[:at], change(value[at]), *value[at + 1 :]]
        return draw(trees)

    tree = draw(st.sampled_from(TREES))
    for _ in range(draw(st.integers(1, 3))):
        tree = change(tree)
    return _written(draw, tree)


def _written(draw: st.DrawFn, tree: Any) -> str:
    if draw(st.booleans()):
        return json.dumps(tree)
    return str(yaml.safe_dump(tree, allow_unicode=draw(st.booleans())))


@pytest.mark.timeout(600)
@settings(quick, max_examples=examples(250))
@given(damaged())
def test_a_file_with_something_wrong_in_its_text(text: str) -> None:
    look(text)


@pytest.mark.timeout(600)
@settings(quick, max_examples=examples(300))
@given(changed())
def test_a_file_with_something_wrong_in_its_structure(text: str) -> None:
    look(text)


@pytest.mark.timeout(600)
@settings(quick, max_examples=examples(150))
@given(st.dictionaries(st.sampled_from(words), trees, max_size=6).map(json.dumps))
def test_a_file_that_was_made_up(text: str) -> None:
    look(text)
