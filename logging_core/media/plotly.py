"""Plotly: a figure of plotly's, kept as its JSON."""

from __future__ import annotations

from typing import Any

from logging_core.errors import UsageError
from logging_core.media.base import Media, as_json
from logging_core.media.image import figure_of, is_figure
from logging_core.media.libraries import library
from logging_core.media.tensors import as_array, is_array


class Plotly(Media):
    """An interactive figure.

    Args:
        val: a figure of plotly's, or one of matplotlib's (converted by plotly, which knows lines,
            points and bars; an Image of it is always faithful).

    Raises UsageError.
    """

    _log_type = "plotly-file"
    _folder = "media/plotly"

    def __init__(self, val: Any) -> None:
        super().__init__()
        if is_figure(val):
            figure = figure_of(val)
            if any(len(axes.images) > 0 for axes in figure.axes):
                raise UsageError(
                    "plotly cannot take a matplotlib figure that shows images: use Image(figure)"
                )
            val = library("plotly.tools", "Plotly of a matplotlib figure").mpl_to_plotly(figure)
        if not hasattr(val, "to_plotly_json"):
            raise UsageError(f"Plotly takes a figure of plotly or matplotlib, not {val!r}")
        self._set_bytes(as_json(_lists(val.to_plotly_json())), ".plotly.json")


def _lists(value: Any) -> Any:
    """With arrays as lists: `plain` makes text of large ones."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lists(item) for item in value]
    return as_array(value, "Plotly").tolist() if is_array(value) else value
