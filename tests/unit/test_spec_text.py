"""The text of a sweep file: YAML as W&B users write it, and YAML that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.errors import SpecError
from sweeps.spec import load_spec

SMALL = "program: t.py\nmethod: random\nparameters:\n  a: {values: [1, 2]}\n"


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(text, path="s.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-3", 1e-3),
        ("1e5", 1e5),
        ("1.0e5", 1e5),
        ("-2.5E+3", -2500.0),
        ("+.5", 0.5),
        ("1_000.5", 1000.5),
        ("0x1e", 30),
        ("1_000", 1000),
        (".inf", float("inf")),
        ("2020-01-01", "2020-01-01"),
        ('"1e-3"', "1e-3"),
        ("1e", "1e"),
        ("e5", "e5"),
        ("1.2.3", "1.2.3"),
        ("off", False),
        ("~", None),
        ("=", "="),
    ],
)
def test_what_a_plain_word_is(text: str, expected: Any) -> None:
    value = load_spec(f"{SMALL}  b: {{value: {text}}}\n").source["parameters"]["b"]["value"]
    assert value == expected
    assert type(value) is type(expected)


def test_anchors_and_merges_work_and_the_own_key_wins() -> None:
    spec = load_spec(
        SMALL + "  b: &b {min: 1, max: 5}\n  c: {<<: *b, max: 9}\n  d: {<<: [{max: 3}, *b]}\n"
    )
    assert spec.source["parameters"]["c"] == {"min": 1, "max": 9}
    assert spec.source["parameters"]["d"] == {"min": 1, "max": 3}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", None, "the file is empty"),
        ("# nothing\n", None, "the file is empty"),
        ("- a\n", 1, "must be a mapping of keys to values, not a list"),
        ("train.py\n", 1, "must be a mapping of keys to values, not the text 'train.py'"),
        ("program: t\nparameters:\n\ta: 1\n", 3, "That is a tab: YAML indents with spaces only."),
        ("program: [t\nmethod: random\n", 2, "this is not YAML: "),
        (SMALL + "name: 'x\n", 6, "this is not YAML: "),
        (SMALL + "name: \0\n", 5, "is not allowed in YAML"),
        (SMALL + "---\n" + SMALL, 5, "A sweep file holds one document"),
        (SMALL + "method: grid\n", 5, "method: the key is given twice; first in line 2."),
        (SMALL + "  a:\n    value: 1\n", 5, "parameters.a: the key is given twice"),
        (SMALL + "1: 2\n", 5, 'the key 1 is no text. Write "1" instead.'),
        (SMALL + "true: 2\n", 5, "the key true is no text"),
        (SMALL + "? [a]\n: 2\n", 5, "a key must be a text"),
        (SMALL + "name: !!python/object:os.system x\n", 5, "name: the tag !!python/object"),
        (SMALL + "name: !!binary eA==\n", 5, "name: the tag !!binary has no meaning"),
        (SMALL + "seed: !!int x\n", 5, "seed: 'x' cannot be read as !!int."),
        (SMALL + "seed: " + "9" * 5000 + "\n", 5, "cannot be read as !!int."),
        (SMALL + "enqueue: &e\n  - *e\n", 5, "enqueue[0]: this alias holds itself."),
        (SMALL + "metric: &m {<<: *m}\n", 5, "metric: this alias holds itself."),
        (SMALL + "metric: {<<: [1]}\n", 5, "metric: `<<` merges mappings"),
        (SMALL + "enqueue: *e\n", 5, "undefined alias"),
        ("a: " + "[" * 150 + "]" * 150, 1, "nested too deeply"),
        ("a: " + "[" * 3000, 1, "nested too deeply"),
        ("a: " + "x" * 1_000_001, None, "no sweep file"),
    ],
)
def test_a_text_that_is_no_sweep_file(text: str, line: int | None, what: str) -> None:
    message = refusal(text)
    assert message.startswith("s.yaml: " if line is None else f"s.yaml:{line}: ")
    assert what in message


def test_aliases_that_multiply_are_cut_off() -> None:
    """A billion laughs: nine lists of nine aliases to the list above."""
    rows = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 10)]
    assert "more than 500,000 values, aliases written out" in refusal("\n".join(rows))
