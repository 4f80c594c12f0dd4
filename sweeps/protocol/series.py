"""A chart's answer as bytes: what the server sends, and the dashboard and our client read.

Layout, little-endian:

    u32      length H of the header
    H bytes  JSON, UTF-8, with blanks at the end so that 4 + H is a multiple of 8:
             {"series": [{"run", "key", "n", "bin", "keep", "cursor"}, …]}
    then, for each series in this order: n float64 of x, then n float64 of y

In a browser, with `buffer` an ArrayBuffer:

    const h = new DataView(buffer).getUint32(0, true);
    const {series} = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, h)));
    let at = 4 + h;
    for (const s of series) {
      s.x = new Float64Array(buffer, at, s.n); at += 8 * s.n;
      s.y = new Float64Array(buffer, at, s.n); at += 8 * s.n;
    }

What the fields mean is told in `Series`. NaN and infinities are in the arrays as they are. A live
chart sends each series' `cursor` back with its next request; then it keeps the first `keep` points
of what it had, and puts x and y behind them. Pure. Neighbours: `controller/server/series_api.py`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Series:
    """One metric of one run, as it is to be drawn.

    Attributes:
        run, key: which.
        x, y: float64 of shape (n,), by x (in the order logged where x is a metric). Values that
            are no numbers are left out; NaN and infinities are there.
        bin: rows of which only the extremes are here, as they were logged; 1: every point is.
        keep: so many points of the answer that the given cursor came with are still right, from
            its beginning, and not repeated: x and y follow them. 0: x and y are all.
        cursor: for the next look; "" when that will have to begin anew.
    """

    run: str
    key: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    bin: int = 1
    keep: int = 0
    cursor: str = ""


def pack_series(series: Sequence[Series]) -> bytes:
    """Series as bytes, as the module's docstring says."""
    listed = [
        {
            "run": each.run,
            "key": each.key,
            "n": len(each.x),
            "bin": each.bin,
            "keep": each.keep,
            "cursor": each.cursor,
        }
        for each in series
    ]
    header = json.dumps({"series": listed}, separators=(",", ":")).encode()
    header += b" " * (-(_LENGTH.size + len(header)) % 8)
    arrays = [np.ascontiguousarray(a, "<f8").tobytes() for s in series for a in (s.x, s.y)]
    return b"".join([_LENGTH.pack(len(header)), header, *arrays])


def unpack_series(data: bytes) -> list[Series]:
    """What `pack_series` packed. Raises ValueError for anything else."""
    try:
        (length,) = _LENGTH.unpack_from(data)
        at = _LENGTH.size + length
        listed = json.loads(data[_LENGTH.size : at])["series"]
        found = []
        for each in listed:
            n = int(each.pop("n"))
            x = np.frombuffer(data, "<f8", n, at)
            y = np.frombuffer(data, "<f8", n, at + 8 * n)
            at += 16 * n
            found.append(Series(x=x, y=y, **each))
    except (struct.error, KeyError, TypeError) as error:
        raise ValueError(f"these bytes are no series: {error}") from error
    return found
