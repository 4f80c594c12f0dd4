"""Tables as text."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.search.statistics import Estimate


def shown(figure: Estimate, form: str) -> str:
    """A figure, and its interval in brackets."""
    return f"{figure.value:{form}} ({figure.low:{form}}–{figure.high:{form}})"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown, its columns in line."""
    lines = [head, *rows]
    wide = [max(len(line[i]) for line in lines) for i in range(len(head))]
    shown = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, wide, strict=True)) + " |"
        for line in lines
    ]
    shown.insert(1, "|" + "|".join("-" * (w + 2) for w in wide) + "|")
    return "\n".join(shown) + "\n"
