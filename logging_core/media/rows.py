"""A row of history with media in it becomes a row of plain values, its files stored.

What a script logs is left alone where it is plain already; figures of matplotlib and plotly,
pictures of Pillow, data frames and arrays of more than 32 elements are made into media, as W&B
does. Called by the journal for rows that hold anything but scalars, under its lock: what encoding
takes, log() takes. Neighbours: base.py, values.py (which makes plain whatever is left).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple

from logging_core import terminal
from logging_core.errors import UsageError
from logging_core.media.base import BatchableMedia, Value
from logging_core.media.libraries import comes_from
from logging_core.media.place import Place
from logging_core.values import MAX_DEPTH, Odd, ignore, name_of

MAX_LISTED = 32  # elements of an array that are kept as they are; of a larger one, a histogram
_HISTOGRAM_BINS = 32
_PLAIN = frozenset([float, int, bool, str, type(None)])


class Desk(NamedTuple):
    """Where the media of one row go: see Place for `saved` and `config`."""

    files: Path
    step: int | str  # "summary": of what a script puts into the summary itself
    saved: Callable[[str], None]
    config: Callable[[dict[str, Any]], None]
    odd: Odd = ignore


def settle(row: Mapping[str, Any], desk: Desk) -> dict[str, Any]:
    """The row with W&B's JSON in place of media. A custom chart is logged as its table, under the
    name that W&B gives it, and its specification goes to `desk.config`.

    Raises OSError when a file cannot be written, UsageError for a value that makes no sense.
    """
    charts: list[tuple[str, Any]] = []
    settled = _mapping(row, "", desk, charts)
    for key, chart in charts:
        name, table, config = chart._opensweep_chart_(key)
        desk.config({"_wandb": config})
        settled[name] = table._opensweep_log_(_place(desk, name))
    return settled


def _place(desk: Desk, key: str) -> Place:
    return Place(desk.files, key, desk.step, desk.saved, desk.config, lasting=True)


def _mapping(
    row: Mapping[str, Any], prefix: str, desk: Desk, charts: list[tuple[str, Any]]
) -> dict[str, Any]:
    settled: dict[str, Any] = {}
    for name, value in row.items():
        if type(value) in _PLAIN:
            settled[name] = value
            continue
        key = prefix + (name if type(name) is str else name_of(name))
        try:
            if hasattr(value, "_opensweep_chart_"):
                charts.append((key, value))
            elif not isinstance(value, Mapping):
                settled[name] = settle_value(value, _place(desk, key), arrays=True, odd=desk.odd)
            elif prefix.count(".") > MAX_DEPTH:  # it may hold itself; `plain` sees to it
                settled[name] = value
            else:
                settled[name] = _mapping(value, key + ".", desk, charts)
        except (OSError, UsageError):
            raise
        except Exception as error:  # the value's own code, or its library's
            desk.odd(f"{key!r}: a {type(value).__name__} cannot be stored ({error}): kept as text")
            settled[name] = value
    return settled


def settle_value(value: Any, place: Place, *, arrays: bool = False, odd: Odd = ignore) -> Any:
    """One value, as `settle` does it; what is no media comes back as it is.

    `arrays`: large ones become histograms.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, (list, tuple)):
        return _sequence(value, place, odd)
    media = value if _is_media(value) else adopt(value, arrays=arrays, odd=odd)
    return value if media is None else media._opensweep_log_(place)


def _is_media(value: Any) -> bool:
    return hasattr(type(value), "_opensweep_log_")


def _sequence(values: Any, place: Place, odd: Odd) -> Any:
    if all(type(value) in _PLAIN for value in values):
        return values
    found = [value if _is_media(value) else adopt(value, arrays=False, odd=odd) for value in values]
    if not any(media is not None for media in found):
        return values
    kind: Any = type(found[0])
    if isinstance(found[0], BatchableMedia) and all(type(media) is kind for media in found):
        if 0 < kind.MAX_ITEMS < len(found):
            terminal.warn(f"{place.key!r}: the first {kind.MAX_ITEMS} of {len(found)} are kept")
            found = found[: kind.MAX_ITEMS]
        return kind._opensweep_log_list_(found, place)
    return [
        settle_value(value, place, odd=odd) if media is None else media._opensweep_log_(place)
        for value, media in zip(values, found)
    ]


def adopt(value: Any, *, arrays: bool = True, odd: Odd = ignore) -> Value | None:
    """The media object for a value of another library; None where it is none.

    matplotlib's figures (or what is on one, or pyplot) and Pillow's pictures become Images,
    plotly's figures Plotly, data frames Tables; with `arrays`, those of more than MAX_LISTED
    numbers Histograms.
    """
    if getattr(value, "shape", None) == ():
        return None  # a scalar of any library: by far the most frequent
    if comes_from(value, "PIL") and hasattr(value, "tobytes"):
        return _image(value)
    if comes_from(value, "matplotlib") or getattr(value, "__name__", "") == "matplotlib.pyplot":
        return _image(value)
    if comes_from(value, "plotly") and hasattr(value, "to_plotly_json"):
        from logging_core.media.plotly import Plotly

        return Plotly(value)
    if comes_from(value, "pandas", "polars") and hasattr(value, "columns"):
        from logging_core.media.table import Table

        return Table(dataframe=value)
    return _histogram(value, odd) if arrays and hasattr(value, "dtype") else None


def _image(value: Any) -> Value:
    from logging_core.media.image import Image

    return Image(value)


def _histogram(value: Any, odd: Odd) -> Value | None:
    from logging_core.media.histogram import Histogram

    count = 1
    try:
        for length in value.shape:
            count *= int(length)
        return Histogram(value, num_bins=_HISTOGRAM_BINS) if count > MAX_LISTED else None
    except Exception as error:  # every library has its own errors
        odd(f"an array of {type(value).__name__} has no histogram ({error}): kept as text")
        return None
