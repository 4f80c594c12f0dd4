"""What the store promises about blobs, files of runs and artifacts, on both databases."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

import pytest
from sqlalchemy import update

from controller.lineage import trace
from controller.store import open_store
from controller.store.artifact_records import NewArtifact
from controller.store.artifact_schema import artifacts, blobs
from controller.store.files import NewFile
from controller.store.records import NewRun
from sweeps.errors import NotFoundError, StoreUnavailable, UsageError


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        yield opened


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def put(store, *texts):
    """Blobs as an upload leaves them; their digests."""
    sizes = {sha(text): len(text) for text in texts}
    store.begin_blobs(sizes)
    store.finish_blobs(sizes)
    return [sha(text) for text in texts]


def new_run(store, run_id="run1", project="p"):
    store.register_run(NewRun(id=run_id, uid="0" * 16, writer=1, project=project))
    return run_id


def version(content, name="ds", **changes):
    """A new artifact of one file."""
    given = {
        "name": name,
        "type": "dataset",
        "digest": sha("content of " + content),
        "manifest": sha("manifest of " + content),
        "blobs": frozenset({sha(content)}),
        "size": len(content),
        "files": 1,
        "project": "p",
    }
    return NewArtifact(**{**given, **changes})


def log(store, content, **changes):
    put(store, content, "manifest of " + content)
    artifact, missing = store.commit_artifact(version(content, **changes))
    assert missing == []
    return artifact


def age(store, seconds):
    """As if nobody had touched any blob for so long."""
    with store._db.write() as connection:
        connection.execute(update(blobs).values(touched=blobs.c.touched - seconds))


# -- blobs ----------------------------------------------------------------------------------------


def test_a_blob_is_missing_until_its_bytes_are_in_place(store):
    digest = sha("x")
    assert store.missing_blobs([digest, digest]) == [digest]
    assert store.begin_blobs({digest: 1}) == set()
    assert store.missing_blobs([digest]) == [digest]
    assert store.blob_size(digest) is None
    store.finish_blobs([digest])
    assert store.missing_blobs([digest]) == []
    assert store.blob_size(digest) == 1
    assert store.begin_blobs({digest: 1}) == {digest}


def test_what_nobody_refers_to_is_doomed_when_it_is_old(store):
    new_run(store)
    put(store, "of a run", "of nobody", "fresh")
    log(store, "of an artifact")
    store.add_files("run1", 1, [NewFile("a", sha("of a run"))])
    assert store.doom_blobs(100) == []
    age(store, 200)
    store.missing_blobs([sha("fresh")])  # somebody asks for it: an upload goes on
    assert store.doom_blobs(100) == [sha("of nobody")]
    assert store.missing_blobs([sha("of nobody")]) == [sha("of nobody")]


def test_a_doomed_blob_is_out_of_bounds_until_it_is_gone(store):
    new_run(store)
    (digest,) = put(store, "x")
    age(store, 200)
    assert store.doom_blobs(100) == [digest]
    with pytest.raises(StoreUnavailable, match="try again"):
        store.begin_blobs({digest: 1})
    assert store.add_files("run1", 1, [NewFile("a", digest)]) == [digest]
    assert store.commit_artifact(version("x", manifest=digest)) == (None, [digest])
    assert store.doom_blobs(100) == [digest]  # again, should the collector have died
    store.forget_blobs([digest])
    assert store.begin_blobs({digest: 1}) == set()
    store.finish_blobs([digest])
    assert store.add_files("run1", 1, [NewFile("a", digest)]) == []


def test_more_blobs_than_fit_one_query(store):
    new_run(store)
    texts = [str(number) for number in range(2500)]
    digests = put(store, *texts)
    assert store.missing_blobs(digests) == []
    assert len(store.blob_sizes(digests)) == 2500
    new = [NewFile(f"f{text}", sha(text)) for text in texts]
    assert store.add_files("run1", 1, new) == []
    assert len(store.files("run1", limit=5000)) == 2500
    store.delete_file("run1", "f7")
    age(store, 200)
    assert store.doom_blobs(100) == [sha("7")]


# -- files of runs --------------------------------------------------------------------------------


def test_files_of_a_run_are_listed_by_path_and_replaced(store):
    new_run(store)
    put(store, "one", "three")
    odd = "media/ä b\n'%_\\.png"
    assert store.add_files("run1", 1, [NewFile("b", sha("one")), NewFile(odd, sha("one"))]) == []
    assert store.add_files("run1", 1, [NewFile("b", sha("three"))]) == []
    assert {one.path: one.size for one in store.files("run1")} == {"b": 5, odd: 3}
    assert [one.path for one in store.files("run1", prefix="media/ä b\n'%_")] == [odd]
    assert [one.path for one in store.files("run1", prefix="media/ä b\n'%%")] == []
    first = store.files("run1", limit=1)[0].path
    assert len(store.files("run1", after=first)) == 1
    assert store.get_file("run1", "b").digest == sha("three")
    store.delete_file("run1", "b")
    for call in (store.get_file, store.delete_file):
        with pytest.raises(NotFoundError, match="no file 'b'"):
            call("run1", "b")


def test_files_wait_for_their_blobs_and_for_their_run(store):
    with pytest.raises(NotFoundError):
        store.add_files("run1", 1, [])
    new_run(store)
    put(store, "x")
    new = [NewFile("a", sha("x")), NewFile("b", sha("y"))]
    assert store.add_files("run1", 1, new) == [sha("y")]
    assert store.files("run1") == []


def test_an_older_attempts_file_stays_unless_a_newer_one_has_it(store):
    new_run(store)
    put(store, "old", "new")
    store.add_files("run1", 2, [NewFile("both", sha("new"))])
    store.add_files("run1", 1, [NewFile("both", sha("old")), NewFile("mine", sha("old"))])
    assert store.get_file("run1", "both").digest == sha("new")
    assert store.get_file("run1", "mine").digest == sha("old")


# -- artifacts ------------------------------------------------------------------------------------


def test_versions_count_from_zero_and_the_same_content_is_no_new_one(store):
    first, second = log(store, "a", aliases=("best",), tags=("t",)), log(store, "b")
    assert (first.version, second.version) == (0, 1)
    assert (first.aliases, second.aliases) == (("best", "latest"), ("latest",))
    again = log(store, "a", tags=("u",), aliases=("new",))
    assert (again.id, again.version) == (first.id, 0)
    assert again.aliases == ("best", "latest", "new")
    assert again.tags == ("t", "u")
    assert store.find_artifact("p", "ds").version == 0
    assert store.find_artifact("p", "ds", "v1").aliases == ()
    log(store, "c", aliases=["best"])
    assert store.find_artifact("p", "ds", "best").version == 2
    assert [one.version for one in store.artifact_versions("p", "ds")] == [2, 1, 0]
    assert [one.version for one in store.artifact_versions("p", "ds", before=2, limit=1)] == [1]


def test_a_version_waits_for_all_its_bytes(store):
    put(store, "a")
    artifact, missing = store.commit_artifact(version("a"))
    assert artifact is None
    assert missing == [sha("manifest of a")]
    with pytest.raises(NotFoundError):
        store.find_artifact("p", "ds")


def test_who_asks_for_what_is_not_there_is_told_what_is(store):
    log(store, "a", aliases=("best",))
    with pytest.raises(NotFoundError, match="no artifact 'models'"):
        store.find_artifact("p", "models")
    for alias in ("v1", "worst", "v01"):
        with pytest.raises(NotFoundError, match="newest is v0, its aliases are best, latest"):
            store.find_artifact("p", "ds", alias)
    with pytest.raises(NotFoundError):
        store.get_artifact("none")
    with pytest.raises(UsageError, match="type 'dataset', not 'model'"):
        store.commit_artifact(version("a", type="model"))


def test_two_that_log_one_name_at_once_get_versions_without_gaps(store):
    failures = []

    def many(mark):
        try:
            for number in range(8):
                log(store, f"{mark}{number}")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=many, args=(mark,)) for mark in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    versions = [one.version for one in store.artifact_versions("p", "ds")]
    assert versions == list(range(23, -1, -1))
    assert store.find_artifact("p", "ds").version == 23


def test_which_run_made_it_and_which_used_it(store):
    for run_id in ("run1", "run2"):
        new_run(store, run_id, project="theirs")
    new_run(store, "run0", project="")
    assert log(store, "0", run_id="run0", project=None).project == "uncategorized"
    made = log(store, "a", run_id="run1", project=None)
    assert (made.project, made.run_id) == ("theirs", "run1")
    store.use_artifact("run2", made.id)
    store.use_artifact("run2", made.id)
    brought = log(store, "b", run_id="run2", use=True)
    assert brought.run_id is None
    assert store.users_of_artifact(made.id) == ["run2"]
    assert [one.id for one in store.artifacts_of_run("run1", used=False)] == [made.id]
    assert [one.id for one in store.artifacts_of_run("run2", used=True)] == [made.id, brought.id]
    with pytest.raises(NotFoundError):
        store.use_artifact("nobody", made.id)
    with pytest.raises(NotFoundError):
        store.use_artifact("run1", "nothing")


def test_content_that_is_a_version_already_is_logged_by_both_runs(store):
    for run_id in ("run1", "run2", "run3"):
        new_run(store, run_id, project="p")
    made = log(store, "a", run_id="run1")
    for run_id in ("run1", "run2", "run2"):
        assert log(store, "a", run_id=run_id).id == made.id
    log(store, "a", run_id="run3", use=True)
    for run_id in ("run1", "run2"):
        assert [one.id for one in store.artifacts_of_run(run_id, used=False)] == [made.id]
    assert store.artifacts_of_run("run3", used=False) == []
    assert store.get_artifact(made.id).run_id == "run1"
    assert store.loggers_of_artifact(made.id) == ["run1", "run2"]
    traced = trace(store, ("artifact", made.id))
    version = ("artifact", made.id)
    assert set(traced.edges) == {
        (("run", "run1"), version),
        (("run", "run2"), version),
        (version, ("run", "run3")),
    }
    store.end_run("run2", 1, 0)
    store.delete_run("run2")
    assert store.loggers_of_artifact(made.id) == ["run1"]
    log(store, "a", run_id="run3")
    store.delete_artifact(made.id, with_aliases=True)
    assert store.artifacts_of_run("run3", used=False) == []


def test_what_can_be_changed(store):
    first, second = log(store, "a", aliases=("best",)), log(store, "b")
    changed = store.update_artifact(
        second.id, description="d", metadata={"x": float("inf")}, tags=["t"], aliases=["best"]
    )
    assert (changed.description, changed.metadata, changed.tags) == (
        "d",
        {"x": float("inf")},
        ("t",),
    )
    assert changed.aliases == ("best",)
    assert store.get_artifact(first.id).aliases == ()
    assert store.update_artifact(first.id, ttl_s=60).expires == pytest.approx(first.created + 60)
    assert store.update_artifact(first.id, keep=True).expires is None


def test_a_link_is_a_second_name_with_versions_of_its_own(store):
    log(store, "a")
    source = log(store, "b")
    linked = store.link_artifact(source.id, "registry", "best-model", ["prod"])
    assert (linked.project, linked.name, linked.version) == ("registry", "best-model", 0)
    assert linked.source == ("p", "ds", 1)
    assert linked.aliases == ("latest", "prod")
    assert store.link_artifact(source.id, "registry", "best-model") == linked
    assert store.find_artifact("registry", "best-model", "prod").id == source.id
    assert store.find_artifact("registry", "best-model", "v0").id == source.id
    assert [one.version for one in store.artifact_versions("registry", "best-model")] == [0]
    assert store.find_artifact("p", "ds").aliases == ("latest",)
    renamed = store.update_artifact(source.id, aliases=["x"], place=("registry", "best-model"))
    assert renamed.aliases == ("x",)
    store.unlink_artifact(source.id, "registry", "best-model")
    with pytest.raises(NotFoundError):
        store.find_artifact("registry", "best-model", "v0")
    for place in (("p", "ds"), ("p", "models")):
        if place == ("p", "models"):
            log(store, "m", name="models", type="model")
        with pytest.raises(UsageError):
            store.link_artifact(source.id, *place)


def test_a_deleted_version_leaves_its_number_and_hands_on_latest(store):
    log(store, "a")
    second = log(store, "b", aliases=("best",))
    store.link_artifact(second.id, "registry", "r")
    with pytest.raises(UsageError, match="delete_aliases"):
        store.delete_artifact(second.id)
    store.delete_artifact(second.id, with_aliases=True)
    assert store.find_artifact("p", "ds").version == 0
    assert store.artifact_versions("registry", "r") == []
    assert log(store, "c").version == 2
    age(store, 200)
    assert set(store.doom_blobs(100)) == {sha("b"), sha("manifest of b")}


def test_a_version_whose_time_has_come_goes(store):
    kept, gone = log(store, "a"), log(store, "b", ttl_s=1000, aliases=("best",))
    assert store.expire_artifacts() == 0
    with store._db.write() as connection:
        connection.execute(update(artifacts).values(expires=artifacts.c.expires - 2000))
    assert store.expire_artifacts() == 1
    assert store.find_artifact("p", "ds").id == kept.id
    with pytest.raises(NotFoundError):
        store.get_artifact(gone.id)
    assert log(store, "b").version == 2


def test_names_and_types_of_a_project(store):
    log(store, "a")
    log(store, "m", name="models", type="model")
    log(store, "o", project="other")
    assert store.artifact_types("p") == ["dataset", "model"]
    names = [(one.name, one.next_version) for one in store.artifact_collections("p")]
    assert names == [("ds", 1), ("models", 1)]
    assert [one.name for one in store.artifact_collections("p", type="model")] == ["models"]
    assert [one.name for one in store.artifact_collections("p", after="ds")] == ["models"]
    assert replace(store.find_artifact("other", "ds"), id="") != store.find_artifact("p", "ds")


# -- MD5s, and files by pattern ------------------------------------------------------------------


def test_blobs_are_found_by_their_md5s(store):
    one, two = put(store, "one", "two")
    store.keep_md5s({one: "1" * 32, sha("absent"): "3" * 32})
    store.keep_md5s({one: "2" * 32})  # the first word counts: bytes do not change
    assert store.known_md5s([one, two, sha("absent")]) == {one: "1" * 32}
    arriving = sha("arriving")
    store.begin_blobs({arriving: 8})
    store.keep_md5s({arriving: "4" * 32})
    found = store.blobs_by_md5(["1" * 32, "2" * 32, "4" * 32])
    assert {md5: (blob.digest, blob.size) for md5, blob in found.items()} == {"1" * 32: (one, 3)}
    store.finish_blobs([arriving], {arriving: "5" * 32})
    assert set(store.blobs_by_md5(["4" * 32])) == {"4" * 32}


def test_a_blob_that_was_found_by_its_md5_stays(store):
    (one,) = put(store, "one")
    store.keep_md5s({one: "1" * 32})
    with store._db.write() as connection:
        connection.execute(update(blobs).values(touched=0.0))
    assert store.blobs_by_md5(["1" * 32])
    assert store.doom_blobs(3600.0) == []


def test_files_by_pattern_and_by_name(store):
    run, (digest,) = new_run(store), put(store, "x")
    paths = ["A.json", "a_b.json", "axb.txt", "back\\slash", "per%cent", "sub/a.json"]
    store.add_files(run, 1, [NewFile(path, digest) for path in paths])

    def fitting(like):
        found = [one.path for one in store.files(run, like=like)]
        assert len(found) == store.count_files(run, like=like)
        return set(found)

    assert fitting("%.JSON") == {"A.json", "a_b.json", "sub/a.json"}
    assert fitting("a_b%") == {"a_b.json", "axb.txt"}
    assert fitting("a\\_b%") == {"a_b.json"}
    assert fitting("%\\%%") == {"per%cent"}
    assert fitting("%k\\\\s%") == fitting("%k\\s%") == {"back\\slash"}
    assert fitting("%\\") == set()
    named = store.files(run, names=["axb.txt", "absent", "A.json"])
    assert {one.path for one in named} == {"axb.txt", "A.json"}
    assert store.count_files(run) == len(paths)
