"""Chunks: whatever JSON can say comes back as it was; whatever else comes in is refused."""

from __future__ import annotations

import json
import math
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sweeps.errors import ChunkError
from sweeps.protocol import chunks
from sweeps.protocol.chunks import decode, encode, pack_points, unpack_points, verify
from sweeps.protocol.columns import Columns, concatenate

INT64 = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats() | st.floats(width=32)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | st.text(max_size=5)
VALUES = SCALARS | st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = st.sampled_from(["loss", "acc", "é", "", "a\0b"]) | st.text(max_size=4)


def logged(values):
    """Rows of (step, time, values by name)."""
    return st.lists(
        st.tuples(INT64, st.floats(), st.dictionaries(NAMES, values, max_size=4)), max_size=8
    )


# Columns of one kind are what is compressed specially: rows of each, and rows of anything.
ROWS = st.one_of(
    logged(FLOATS),
    logged(st.floats(width=32)),
    logged(INT64),
    logged(st.booleans()),
    logged(st.integers(-5, 5) | st.floats(-5, 5)),
    logged(VALUES),
)


def same(left, right):
    """Equal as JSON values, with NaN equal to NaN, 0.0 unlike -0.0, and True unlike 1.

    A whole number may have become the float of the same value (in a column with other floats).
    """
    if isinstance(left, float) and isinstance(right, int | float) and not isinstance(right, bool):
        if isinstance(right, int):
            return left == right
        return struct.pack("<d", left) == struct.pack("<d", right) or (
            left != left and right != right
        )
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def same_rows(left, right):
    left, right = list(left), list(right)
    return len(left) == len(right) and all(
        a[0] == b[0] and same(a[1], b[1]) and same(a[2], b[2])
        for a, b in zip(left, right, strict=True)
    )


def pack(header, *buffers, version=1):
    """A chunk with a right checksum around any header and body."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = struct.pack("<II", len(raw), len(raw)) + raw + b"".join(buffers)
    return struct.pack("<4sBI", b"OSCH", version, zlib.crc32(body)) + body


SOME = encode(
    [(n, 1e9 + n, {"loss": 1 / (n + 1), **({"odd": [n]} if n % 3 else {})}) for n in range(50)]
)


class TestRoundTrip:
    @given(ROWS)
    @example([])
    @example([(0, 0.0, {})])
    @example([(0, 0.0, {"x": 2**53 + 1}), (1, 1.0, {"x": 0.5})])
    @example([(0, 0.0, {"x": 1}), (1, 1.0, {"x": True})])
    @example([(-(2**63), math.nan, {"x": -(2**63)}), (2**63 - 1, math.inf, {"x": 2**63 - 1})])
    @example([(0, 0.0, {"x": "\ud800"}), (0, 0.0, {"\udfff": None})])
    def test_rows_come_back_as_they_were(self, rows):
        data = encode(rows)
        verify(data)
        columns = decode(data)
        assert len(columns) == len(rows)
        assert same_rows(columns.rows(), rows)

    @given(st.lists(st.floats(), min_size=1))
    def test_floats_come_back_bit_for_bit(self, values):
        columns = decode(encode([(n, v, {"x": v}) for n, v in enumerate(values)]))
        expected = np.array(values).view(np.int64).tolist()
        assert columns.columns["x"].values.view(np.int64).tolist() == expected
        assert columns.times.view(np.int64).tolist() == expected

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.integers(0, 10), st.lists(st.floats()))
    def test_rounded_values_come_back_bit_for_bit(self, values, places, others):
        rounded = [round(value, places) for value in values] * 70 + others
        columns = decode(encode([(n, 0.0, {"x": v}) for n, v in enumerate(rounded)]))
        expected = np.array(rounded).view(np.int64).tolist()
        assert columns.columns["x"].values.view(np.int64).tolist() == expected

    @given(ROWS, st.sets(NAMES))
    def test_picking_names_is_decoding_and_then_picking(self, rows, keys):
        picked = [(s, t, {k: v for k, v in row.items() if k in keys}) for s, t, row in rows]
        assert same_rows(decode(encode(rows), keys).rows(), picked)

    @given(st.lists(ROWS, max_size=4))
    def test_parts_are_put_one_after_the_other(self, parts):
        whole = concatenate([decode(encode(part)) for part in parts])
        assert isinstance(whole, Columns)
        assert same_rows(whole.rows(), [row for part in parts for row in part])

    @given(ROWS, st.data())
    def test_rows_are_picked(self, rows, data):
        keep = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
        columns = decode(encode(rows)).where(np.array(keep, bool))
        kept = [row for row, wanted in zip(rows, keep, strict=True) if wanted]
        assert same_rows(columns.rows(), kept)
        assert all(len(column.values) for column in columns.columns.values())

    @given(st.lists(st.tuples(INT64, st.floats())))
    def test_points_come_back(self, points):
        packed = pack_points(points)
        assert len(packed) == 16 * len(points)
        assert [(s, struct.pack("<d", v)) for s, v in unpack_points(packed)] == [
            (s, struct.pack("<d", v)) for s, v in points
        ]


class TestNumbers:
    def test_they_are_given_with_their_steps(self):
        rows = [(0, 0.0, {"x": 1}), (5, 0.0, {}), (6, 0.0, {"x": 2.5}), (7, 0.0, {"y": 1})]
        steps, values = decode(encode(rows)).numbers("x")
        assert (steps.tolist(), values.tolist()) == ([0, 6], [1.0, 2.5])

    def test_odd_values_among_them_are_left_out(self):
        odd = [1.5, "x", None, 10**400, -(10**400), [1]]
        steps, values = decode(encode([(n, 0.0, {"x": v}) for n, v in enumerate(odd)])).numbers("x")
        assert (steps.tolist(), values.tolist()) == ([0, 3, 4], [1.5, math.inf, -math.inf])

    def test_a_name_that_is_not_there_has_none(self):
        steps, values = decode(SOME).numbers("none")
        assert len(steps) == len(values) == 0


class TestSize:
    def test_a_second_of_a_fast_loop_takes_few_bytes_a_value(self):
        rng = np.random.default_rng(1)
        rows = [
            (n, 1.7e9 + n * 0.001, {f"m{k}": float(np.float32(rng.normal())) for k in range(10)})
            for n in range(1000)
        ]
        assert len(encode(rows)) < 1000 * 11 * 4.2  # singles that are noise: nothing to gain

    @pytest.mark.parametrize(
        ("values", "most"),
        [
            (lambda rng, n: np.round(2 * np.exp(-n / 4e3) + rng.normal(0, 0.05, len(n)), 4), 2.2),
            (lambda rng, n: rng.integers(300, 1000, len(n)) / 1000, 1.8),
            (lambda rng, n: 5e-4 * (1 + np.cos(n / len(n) * np.pi)), 4.5),
            (lambda rng, n: np.cumsum(rng.normal(0, 1e-3, len(n))).astype("f4"), 3.0),
            (lambda rng, n: (n // 100) * 0.1, 0.3),
        ],
        ids=["rounded", "accuracy", "schedule", "slow singles", "steps"],
    )
    def test_the_form_suits_the_values(self, values, most):
        n = np.arange(10_000)
        column = values(np.random.default_rng(1), n).astype(np.float64)
        size = len(encode([(0, 0.0, {"x": v}) for v in column.tolist()]))
        assert size / len(n) < most

    def test_steps_and_times_cost_next_to_nothing(self):
        assert len(encode([(n, 1.7e9 + n * 0.001, {}) for n in range(1000)])) < 1000 * 3


class TestRefusals:
    @pytest.mark.parametrize(
        "row",
        [
            (0, 0.0, {"x": object()}),
            (0, 0.0, {"x": {1, 2}}),
            (0, 0.0, {1: 2}),
            (0.5, 0.0, {}),
            (2**63, 0.0, {}),
            (0, "now", {}),
            (0, 0.0, {"x": 10**5000}),
        ],
    )
    def test_rows_that_cannot_be_encoded(self, row):
        with pytest.raises(ChunkError):
            encode([row])

    def test_a_value_that_holds_itself(self):
        loop = []
        loop.append(loop)
        with pytest.raises(ChunkError, match="'x'"):
            encode([(0, 0.0, {"x": loop})])

    def test_more_than_a_chunk_holds(self, monkeypatch):
        monkeypatch.setattr(chunks, "MAX_ROWS", 3)
        with pytest.raises(ChunkError, match="split it"):
            encode([(n, 0.0, {}) for n in range(4)])
        monkeypatch.setattr(chunks, "MAX_BYTES", 50)
        with pytest.raises(ChunkError, match="split it"):
            encode([(n, 0.0, {"x": 0.1}) for n in range(3)])
        monkeypatch.setattr(chunks, "MAX_JSON_BYTES", 5)
        with pytest.raises(ChunkError, match="'x'"):
            encode([(0, 0.0, {"x": "long text"})])

    def test_points_that_are_none(self):
        with pytest.raises(ChunkError):
            pack_points([(2**63, 1.0)])
        with pytest.raises(ChunkError):
            pack_points([(1, "x")])
        with pytest.raises(ChunkError):
            unpack_points(b"1234567")


class TestForeignBytes:
    def test_a_chunk_torn_at_any_byte(self):
        for length in range(len(SOME)):
            with pytest.raises(ChunkError):
                decode(SOME[:length])
        with pytest.raises(ChunkError):
            decode(SOME + b"\0")

    def test_a_chunk_with_any_bit_wrong(self):
        for position in range(len(SOME)):
            wrong = bytearray(SOME)
            wrong[position] ^= 1 << position % 8
            with pytest.raises(ChunkError):
                decode(bytes(wrong))

    @given(st.binary(max_size=200))
    def test_any_bytes(self, data):
        for foreign in (data, b"OSCH\x01" + data):
            with pytest.raises(ChunkError):
                decode(foreign)

    @given(st.binary(max_size=60), st.binary(max_size=60))
    def test_any_header_and_body_under_a_right_checksum(self, header, body):
        with pytest.raises(ChunkError):
            decode(pack(header, body))

    @settings(max_examples=300)
    @given(st.data())
    def test_any_change_of_a_header_under_a_right_checksum(self, data):
        """It either still is a chunk or is refused; nothing else is ever raised."""
        stored, _ = struct.unpack_from("<II", SOME, 9)
        header = json.loads(zstandard.decompress(SOME[17 : 17 + stored]))
        place, path = header, data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
        for turn in path[:-1]:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if keys and isinstance(place[keys[turn % len(keys)]], dict | list):
                place = place[keys[turn % len(keys)]]
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        odd = st.sampled_from(
            [None, True, -1, 0, 7, 8, 50, 2**31, 2**70, 1.5, "f4", "json", [], {}]
        )
        place[keys[path[-1] % len(keys)]] = data.draw(odd)
        changed = pack(header, SOME[17 + stored :])
        try:
            columns = decode(changed)
        except ChunkError:
            return
        assert len(list(columns.rows())) == len(columns)

    def test_versions_that_we_do_not_know(self):
        good = {"rows": 0, "steps": [0, 0], "times": [0, 0], "columns": []}
        assert len(decode(pack(good))) == 0
        with pytest.raises(ChunkError, match="version 2"):
            decode(pack(good, version=2))

    def test_claims_to_be_huge_cost_nothing(self):
        bomb = zstandard.ZstdCompressor().compress(bytes(1 << 28))
        huge = len(bomb), 1 << 28
        small = [0, 0]
        claims = [
            {"rows": 2**40, "steps": small, "times": small, "columns": []},
            {"rows": 2**27, "steps": huge, "times": small, "columns": []},
            {"rows": 10**6, "steps": [len(bomb), 8 * 10**6], "times": small, "columns": []},
            {"rows": 0, "steps": small, "times": small, "columns": [["x", "json", 0, huge, None]]},
        ]
        many = [[f"x{n}", "json", 0, [0, 16 << 20], None] for n in range(10**4)]
        claims.append({"rows": 0, "steps": small, "times": small, "columns": many})
        tracemalloc.start()
        try:
            for claim in claims:
                with pytest.raises(ChunkError):
                    decode(pack(claim, bomb))
            header_bomb = struct.pack("<II", *huge) + bomb
            with pytest.raises(ChunkError):
                decode(struct.pack("<4sBI", b"OSCH", 1, zlib.crc32(header_bomb)) + header_bomb)
            assert tracemalloc.get_traced_memory()[1] < 64 << 20
        finally:
            tracemalloc.stop()

    def test_json_that_nests_without_end(self):
        deep = b"[" * 100_000
        header = {
            "rows": 1,
            "steps": [8, 8],
            "times": [8, 8],
            "columns": [["x", "json", 1, [len(deep), len(deep)], None]],
        }
        with pytest.raises(ChunkError):
            decode(pack(header, bytes(16), deep))
