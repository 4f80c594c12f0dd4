"""The two forms of a manifest, and filters of artifacts: pure, with no store."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.checksums import manifest_md5
from controller.store.files import BlobRecord
from controller.wandb_api.artifacts import filters, manifests
from controller.wandb_api.ids import global_id
from logging_core.artifacts.manifest import Entry, Manifest
from sweeps.errors import UsageError


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()


def in_base64(data: bytes) -> str:
    return base64.b64encode(md5(data)).decode()


def blob(data: bytes) -> BlobRecord:
    return BlobRecord(hashlib.sha256(data).hexdigest(), len(data))


def test_the_digest_of_a_manifest_is_the_clients() -> None:
    # As wandb 0.31 computes it for these two files.
    digests = {"a/b.txt": in_base64(b"hello b"), "note.txt": in_base64(b"note")}
    assert manifest_md5(digests) == "cbe42a0c7cc00773939f51a23934196b"
    assert manifest_md5(dict(reversed(digests.items()))) == "cbe42a0c7cc00773939f51a23934196b"


paths = st.text("abc.-_é", min_size=1, max_size=8).filter(lambda text: text.strip("."))


@given(st.dictionaries(paths, st.binary(max_size=20), max_size=5))
def test_there_and_back_again(contents: dict[str, bytes]) -> None:
    theirs = {
        path: manifests.WandbEntry(in_base64(data), len(data), None, {})
        for path, data in contents.items()
    }
    ours = manifests.to_ours(theirs, {md5(data).hex(): blob(data) for data in contents.values()})
    sums = {blob(data).digest: md5(data).hex() for data in contents.values()}
    assert manifests.from_ours(ours, sums) == theirs
    written = json.dumps(manifests.write(theirs, "id")).encode()
    assert manifests.read(written) == theirs


def test_a_file_of_the_scripts_machine_has_a_digest_of_each_kind() -> None:
    extra = {"sha256": "s" * 64, "md5": in_base64(b"x")}
    ours = Manifest([Entry("r", "s" * 64, 1, "file:///r", extra)])
    (theirs,) = manifests.from_ours(ours, {}).values()
    assert theirs.digest == in_base64(b"x")
    assert manifests.to_ours({"r": theirs}, {}).entries["r"] == ours.entries["r"]


def test_a_reference_to_an_artifact_that_is_none_of_ours_stays() -> None:
    for ref in ("wandb-artifact://zz/a", "wandb-artifact://00ff/a", "wandb-artifact://6162/"):
        theirs = {"r": manifests.WandbEntry("d", None, ref, {})}
        assert manifests.to_ours(theirs, {}).entries["r"].ref == ref
    hexadecimal = base64.b64decode(global_id("Artifact", "a1")).hex()
    theirs = {"r": manifests.WandbEntry("d", None, f"wandb-artifact://{hexadecimal}/x/y", {})}
    assert manifests.to_ours(theirs, {}).entries["r"].ref == "opensweep-artifact://a1/x/y"


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b'{"version": 2, "contents": {}}', b"[" * 100_000, b'{"contents": []}'],
)
def test_what_is_no_manifest_is_said(text: bytes) -> None:
    with pytest.raises(UsageError):
        manifests.read(text)


FACTS = {
    "name": "ds",
    "tags": ("a", "b"),
    "version": 3,
    "created_at": 1_700_000_000.0,
    "metadata": {"lr": 0.1, "deep": {"er": "x"}},
    "description": None,
}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"name": "ds"},
        {"name": {"$ne": "other"}},
        {"name": {"$in": ["x", "ds"]}},
        {"name": {"$nin": ["x"]}},
        {"name": {"$regex": "^d"}},
        {"name": {"$contains": "s"}},
        {"name": {"$not": {"$eq": "x"}}},
        {"tags": "a"},
        {"tags": {"$ne": "c"}},
        {"tags": {"$in": ["b"]}},
        {"version": {"$gte": 3, "$lt": 4}},
        {"createdAt": {"$gt": "2023-01-01"}},
        {"created_at": {"$lt": "2024-01-01T00:00:00Z"}},
        {"metadata.lr": 0.1},
        {"metadata.deep.er": "x"},
        {"metadata.none": {"$exists": False}},
        {"description": {"$exists": False}},
        {"$and": [{"name": "ds"}, {"$or": [{"version": 9}, {"tags": "b"}]}]},
        {"$nor": [{"name": "x"}, {"version": 0}]},
        {"$not": {"name": "x"}},
    ],
)
def test_what_fits_and_its_opposite_does_not(asked: dict[str, object]) -> None:
    assert filters.fits(asked, FACTS)
    assert not filters.fits({"$nor": [asked]}, FACTS)


@pytest.mark.parametrize(
    "asked",
    [
        {"nothing": 1},
        {"$xor": []},
        {"name": {"$like": "x"}},
        {"$and": {}},
        {"name": {"$regex": "("}},
        {"name": {"$regex": "x" * 2000}},
        {"tags": {"$in": "a"}},
        {"$and": [{"$and": ["x"]}]},
    ],
)
def test_a_filter_is_read_with_suspicion(asked: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="filters"):
        filters.fits(asked, FACTS)


def test_things_of_different_kinds_are_not_compared() -> None:
    for asked in ({"version": {"$gt": "x"}}, {"description": {"$lt": 3}}, {"name": {"$gt": 1}}):
        assert not filters.fits(asked, FACTS)


def test_orders_are_names_in_both_spellings_and_keep_ties() -> None:
    items = [{"name": "b", "size": 1}, {"name": "a", "size": None}, {"name": "c", "size": 1}]

    def names(order: str | None) -> list[object]:
        return [one["name"] for one in filters.select(items, None, order, lambda one: one)]

    assert names(None) == ["b", "a", "c"]
    assert names("name") == ["a", "b", "c"]
    assert names("-name") == ["c", "b", "a"]
    assert names("-size,+name") == ["b", "c", "a"]
    with pytest.raises(UsageError):
        filters.read("[1]")
    with pytest.raises(UsageError):
        filters.read("{")
