"""Media: values that a run keeps as files, in W&B's stored form.

Standard library only. What a script's libraries bring (NumPy, Pillow, torch, matplotlib, plotly,
pandas) is known by its type's name and used when it is there; a value that needs one that is not
there raises UsageError with what to install.

    place.py      where a value's file goes, and what it is called
    base.py       Value and Media: how a value becomes JSON, how its file is stored
    rows.py       a row of history: media, figures, frames and arrays become JSON
    image.py      Image;  overlays.py: boxes, masks, classes;  pixels.py: arrays as PNG
    table.py, histogram.py, html.py, audio.py, video.py, object3d.py, molecule.py, plotly.py,
    graph.py      one type each
    tensors.py    arrays and tensors of any library; the histogram of one
    loading.py    media made of their JSON again
    libraries.py  finds an optional library, or says what to install
    data_types.py all of them under W&B's module name

Neighbours: journal.py asks rows.py; nothing here writes a record or knows of steps.
"""

from __future__ import annotations

from typing import Any


def adopt(value: Any) -> Any:
    """See rows.adopt."""
    from logging_core.media import rows

    return rows.adopt(value)
