"""Packing and thinning: nothing is lost, and what a chart shows depends on no cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_chunks import NAMES, ROWS, VALUES, same_rows

from controller.store import packing
from controller.store.levels import (
    COARSE,
    FINE,
    Level,
    Points,
    bin_size,
    join,
    kept,
    pack_level,
    thin,
    unpack_level,
)
from controller.store.packing import AXIS, pack, places, unpack
from sweeps.protocol.chunks import MAX_JSON_BYTES, decode, decode_bundle, encode
from sweeps.protocol.columns import Columns, concatenate, merge_lanes

FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf])


@pytest.fixture
def small(monkeypatch):
    """Bounds that a handful of rows goes beyond."""
    monkeypatch.setattr(packing, "ROWS", 5)
    monkeypatch.setattr(packing, "LONG", 4)
    monkeypatch.setattr(packing, "CELLS", 12)
    monkeypatch.setattr(packing, "_ALONE_BYTES", 24)
    monkeypatch.setattr(packing, "_ALONE_LONG", 16)
    monkeypatch.setattr(packing, "_FEW", 2)


def segments(stretch):
    return [(segment.key, segment.data) for segment in stretch.segments]


class TestPacking:
    # The bounds are the same for all examples.
    @settings(suppress_health_check=["function_scoped_fixture"])
    @given(ROWS, st.integers(0, 1000))
    @example([(n, float(n), {"": n, "\x01": 1.5, "a\0": "x", "é" * 600: n}) for n in range(12)], 3)
    @example([(0, 0.0, {"\ud800": 1.0, f"k{n}": n}) for n in range(30)], 0)
    def test_rows_come_back_as_they_were(self, small, rows, start):
        stretches = pack(decode(encode(rows)), start)
        back = concatenate([unpack(segments(each)) for each in stretches])
        assert same_rows(back.rows(), rows)
        assert sum(each.rows for each in stretches) == len(rows)
        for each in stretches:
            own = rows[each.start - start : each.start - start + each.rows]
            assert each.rows <= 5
            assert (each.first, each.last) == (min(r[0] for r in own), max(r[0] for r in own))
            assert all(not r[1] < each.since and not r[1] > each.until for r in own)
            assert len({segment.key for segment in each.segments}) == len(each.segments)

    @settings(suppress_health_check=["function_scoped_fixture"])
    @given(ROWS, st.sets(NAMES))
    def test_a_name_is_found_in_its_places(self, small, rows, keys):
        picked = [(s, t, {k: v for k, v in row.items() if k in keys}) for s, t, row in rows]
        wanted = {AXIS, *places(keys)}
        back = [
            unpack([each for each in segments(stretch) if each[0] in wanted], keys)
            for stretch in pack(decode(encode(rows)), 0)
        ]
        assert same_rows(concatenate(back).rows(), picked)

    def test_a_run_of_very_many_metrics_makes_few_segments(self):
        rows = [(n, 0.0, {f"layer{k}/grad": float(k) for k in range(20_000)}) for n in range(10)]
        (stretch,) = pack(decode(encode(rows)), 0)
        assert len(stretch.segments) <= 65
        wanted = {AXIS, *places(["layer7/grad"])}
        few = [each for each in segments(stretch) if each[0] in wanted]
        assert (
            sum(len(data) for _, data in few) < sum(map(len, dict(segments(stretch)).values())) / 20
        )
        assert unpack(few, ["layer7/grad"]).numbers("layer7/grad")[1].tolist() == [7.0] * 10

    def test_texts_that_are_too_long_for_one_stretch_make_several(self):
        text = "x" * (MAX_JSON_BYTES // 5)
        rows = [(n, 0.0, {"text": f"{n}{text}"}) for n in range(8)]
        columns = concatenate([decode(encode([row])) for row in rows])
        stretches = pack(columns, 0)
        assert len(stretches) > 1
        assert same_rows(concatenate([unpack(segments(s)) for s in stretches]).rows(), rows)

    def test_a_long_stretch_has_an_axis_of_its_own(self):
        rows = [
            (n, 0.0, {"loss": n / 2, **({"val": 1.0} if n % 300 == 0 else {})}) for n in range(9000)
        ]
        (stretch,) = pack(decode(encode(rows)), 0)
        assert decode(stretch.segments[0].data).columns == {}
        by_key = {segment.key: segment for segment in stretch.segments}
        assert list(decode_bundle(by_key["\x01"].data)) == ["val"]
        assert by_key["loss"].fine is not None


def levels(values):
    rows = np.arange(len(values))
    return Level(rows, rows * 3, rows / 7, np.array(values, float))


SERIES = st.lists(FLOATS, min_size=1, max_size=300)


class TestThinning:
    @given(SERIES, st.sampled_from([2, 4, 16]), st.sampled_from([2, 8]))
    def test_it_can_be_done_in_steps(self, values, small, more):
        level = levels(values)
        assert same(level.thinned(small).thinned(small * more), level.thinned(small * more))

    @given(SERIES, st.lists(st.integers(0, 300), max_size=5), st.sampled_from([2, 8, 32]))
    def test_it_can_be_done_in_pieces(self, values, cuts, size):
        level = levels(values)
        edges = [0, *sorted(cut for cut in cuts if cut < len(values)), len(values)]
        pieces = []
        for begin, end in itertools.pairwise(edges):
            part = np.zeros(len(values), bool)
            part[begin:end] = True
            thinned = level.pick(part).thinned(size)
            pieces.append(Points(thinned.rows, thinned.times, thinned.values))
        whole = join(pieces)
        again = whole.pick(kept(whole.rows, whole.y, size))
        assert again.rows.tolist() == level.thinned(size).rows.tolist()

    @given(SERIES, st.integers(2, 40))
    def test_the_extremes_stay_and_odd_values_do_not_vanish(self, values, most):
        level = levels(values)
        points = Points(level.rows, level.times, level.values)
        size, (left,) = thin([points], most, bin_size(len(points), most))
        assert len(left) <= max(most, 7)
        assert set(left.rows.tolist()) <= set(range(len(values)))
        assert left.rows[0] == 0
        assert left.rows[-1] == len(values) - 1
        finite = [v for v in values if np.isfinite(v)]
        shown = [v for v in left.y.tolist() if np.isfinite(v)]
        if finite:
            assert (min(shown), max(shown)) == (min(finite), max(finite))
        for odd in (np.isnan, np.isposinf, np.isneginf):
            assert odd(left.y).any() == odd(np.array(values)).any()
        if size == 1:
            assert len(left) == len(values)

    @given(SERIES)
    def test_a_level_comes_back(self, values):
        level = levels(values)
        assert same(unpack_level(pack_level(level)), level)

    def test_the_stored_levels_nest(self):
        assert COARSE % FINE == 0

    def test_a_dense_series_comes_to_what_is_asked_for(self):
        level = levels(np.random.default_rng(0).normal(size=200_000))
        points = Points(level.rows, level.times, level.values)
        size, (left,) = thin([points], 1000, bin_size(200_000, 1000))
        assert 500 <= len(left) <= 1000
        assert size == 512


def same(left, right):
    return all(
        np.array_equal(getattr(left, name), getattr(right, name), equal_nan=name != "rows")
        for name in ("rows", "steps", "times", "values")
    )


class TestLanes:
    @given(
        st.lists(
            st.lists(
                st.tuples(st.integers(0, 6), st.dictionaries(NAMES, VALUES, max_size=3)), max_size=6
            ),
            min_size=1,
            max_size=3,
        )
    )
    def test_rows_of_one_step_become_one(self, lanes):
        lanes = [sorted(lane, key=lambda row: row[0]) for lane in lanes]
        expected = {}
        for lane in lanes:
            for step, values in lane:
                expected.setdefault(step, {}).update(values)
        columns = [decode(encode([(step, 1.0, row) for step, row in lane])) for lane in lanes]
        merged = merge_lanes(columns)
        assert isinstance(merged, Columns)
        assert same_rows(merged.rows(), [(s, 1.0, expected[s]) for s in sorted(expected)])
