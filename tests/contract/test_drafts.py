"""What the store promises of artifacts that a W&B client is still sending, on both databases."""

from __future__ import annotations

import hashlib
import threading

import pytest
from sqlalchemy import update

from controller.store import open_store
from controller.store.artifact_records import (
    ArtifactRecord,
    DraftRecord,
    NewArtifact,
    NewDraft,
    Said,
)
from controller.store.artifact_schema import artifact_drafts, blobs
from sweeps.errors import NotFoundError, UsageError


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        yield opened


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def put(store, *texts):
    sizes = {sha(text): len(text) for text in texts}
    store.begin_blobs(sizes)
    store.finish_blobs(sizes, {sha(text): md5(text) for text in texts})


def begin(store, content, **changes):
    said = {
        name: changes.pop(name) for name in ("aliases", "sequence_client_id") if name in changes
    }
    new = NewDraft("p", "ds", "dataset", md5("digest of " + content), Said(**said))
    return store.open_draft(NewDraft(**{**vars(new), **changes}))


def commit(store, draft, content):
    put(store, content, "manifest of " + content)
    return store.commit_draft(
        NewArtifact(
            id=draft.id,
            project=draft.project,
            name=draft.name,
            type=draft.type,
            digest=sha("content of " + content),
            md5_digest=md5("digest of " + content),
            manifest=sha("manifest of " + content),
            blobs=frozenset({sha(content)}),
            size=len(content),
            files=1,
            aliases=draft.said.aliases,
        )
    )


def log(store, content, **changes):
    made, missing = commit(store, begin(store, content, **changes), content)
    assert missing == []
    return made


def age(store, table, seconds):
    with store._db.write() as connection:
        connection.execute(update(table).values(touched=table.c.touched - seconds))


def test_a_draft_becomes_a_version_under_its_id(store):
    draft = begin(store, "a", aliases=("best",))
    assert store.get_draft(draft.id) == draft
    assert draft.base is None
    with pytest.raises(NotFoundError):
        store.find_artifact("p", "ds")
    made, _ = commit(store, draft, "a")
    assert (made.id, made.version, made.aliases) == (draft.id, 0, ("best", "latest"))
    with pytest.raises(NotFoundError, match="Log it again"):
        store.get_draft(draft.id)
    with pytest.raises(NotFoundError):
        commit(store, draft, "a")
    assert begin(store, "b").base == made.id


def test_the_same_digest_is_the_version_that_has_it(store):
    first, second = log(store, "a"), log(store, "b")
    again = begin(store, "a", aliases=("mine",), client_id="client")
    assert isinstance(again, ArtifactRecord)
    assert (again.id, again.aliases) == (first.id, ("latest", "mine"))
    assert store.get_artifact(second.id).aliases == ()
    assert store.find_other_id("client") == (first.id, None)


def test_who_begins_what_is_a_version_already_has_logged_it(store):
    made = log(store, "a")
    assert begin(store, "a", run_id=new_run(store)).id == made.id
    assert [one.id for one in store.artifacts_of_run("run1", used=False)] == [made.id]


def test_two_drafts_of_the_same_content_become_one_version(store):
    one, two = begin(store, "a", client_id="c1"), begin(store, "a", client_id="c2")
    assert one.id != two.id
    made, _ = commit(store, one, "a")
    assert commit(store, two, "a")[0].id == made.id
    assert store.get_artifact(two.id).id == made.id
    assert store.find_other_id("c2") == (made.id, None)
    store.use_artifact(new_run(store), two.id)
    assert [one.id for one in store.artifacts_of_run("run1", used=True)] == [made.id]


def new_run(store):
    from controller.store.records import NewRun

    store.register_run(NewRun(id="run1", uid="0" * 16, writer=1, project="p"))
    return "run1"


def test_what_is_not_there_yet_is_told_and_the_draft_stays(store):
    draft = begin(store, "a")
    new = NewArtifact(
        id=draft.id,
        project="p",
        name="ds",
        type="dataset",
        digest=sha("d"),
        manifest=sha("m"),
        blobs=frozenset({sha("a")}),
        size=1,
        files=1,
    )
    assert store.commit_draft(new) == (None, sorted([sha("a"), sha("m")]))
    assert store.get_draft(draft.id) == draft
    assert commit(store, draft, "a")[0].version == 0


def test_a_name_has_one_type(store):
    log(store, "a")
    with pytest.raises(UsageError, match="has type 'dataset', not 'model'"):
        begin(store, "b", type="model")
    with pytest.raises(UsageError):
        begin(store, "a", type="model")


def test_processes_with_one_distributed_id_share_a_draft(store):
    found, threads = [], []
    for number in range(4):
        told = {"distributed_id": "group", "client_id": f"c{number}"}
        threads.append(
            threading.Thread(target=lambda told=told: found.append(begin(store, "a", **told)))
        )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({draft.id for draft in found}) == 1
    assert begin(store, "a", distributed_id="other").id != found[0].id
    parts = [store.add_draft_manifest(found[0].id, "patch", md5=md5(str(n))) for n in range(3)]
    changed = store.change_draft_manifest(parts[1].id, md5=md5("new"), base="b")
    assert (changed.md5, changed.base, changed.kind) == (md5("new"), "b", "patch")
    listed = store.draft_manifests(found[0].id)
    assert listed == [parts[0], changed, parts[2]]


def test_drafts_of_one_name_at_once_become_versions_without_gaps(store):
    contents = [f"content {number}" for number in range(6)]
    numbers = []
    threads = [
        threading.Thread(target=lambda content=content: numbers.append(log(store, content).version))
        for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(6))


def test_blobs_that_a_draft_needs_stay_and_go_with_it(store):
    draft = begin(store, "a", client_id="client")
    store.want_files(draft.id, [md5("kept"), md5("kept")])
    put(store, "kept", "not kept")
    age(store, blobs, 200)
    assert store.doom_blobs(100) == [sha("not kept")]
    store.forget_blobs([sha("not kept")])
    age(store, artifact_drafts, 500)
    store.want_files(draft.id, [])  # its client goes on
    assert store.drop_stale_drafts(100) == 0
    age(store, artifact_drafts, 200)
    assert store.drop_stale_drafts(100) == 1
    with pytest.raises(NotFoundError):
        store.want_files(draft.id, [md5("kept")])
    with pytest.raises(NotFoundError):
        store.find_other_id("client")
    assert store.doom_blobs(100) == [sha("kept")]


def test_client_ids_lead_to_versions_and_collections(store):
    draft = begin(store, "a", client_id="client", sequence_client_id="sequence")
    assert store.find_other_id("client") == (draft.id, None)
    with pytest.raises(NotFoundError):
        store.find_other_id("sequence")
    made, _ = commit(store, draft, "a")
    collection = store.collection("p", "ds")
    assert store.find_other_id("sequence") == (None, collection.id)
    assert store.collection_by_id("sequence") == collection
    store.delete_artifact(made.id)
    with pytest.raises(NotFoundError):
        store.find_other_id("client")


def test_a_draft_that_is_deleted_is_gone(store):
    draft = begin(store, "a")
    assert isinstance(draft, DraftRecord)
    store.delete_draft(draft.id)
    with pytest.raises(NotFoundError):
        commit(store, draft, "a")


# -- collections ----------------------------------------------------------------------------------


def test_a_collection_is_renamed_with_all_that_is_in_it(store):
    made = log(store, "a", aliases=("best",))
    log(store, "b", name="taken")
    before = store.collection("p", "ds")
    with pytest.raises(UsageError, match="already"):
        store.update_collection(before.id, name="taken")
    changed = store.update_collection(
        before.id, name="data", description="d", add_tags=["x", "y"], delete_tags=["y"]
    )
    assert (changed.id, changed.name, changed.tags) == (before.id, "data", ("x",))
    assert store.find_artifact("p", "data", "best").id == made.id
    with pytest.raises(NotFoundError):
        store.find_artifact("p", "ds")
    assert log(store, "c", name="data").version == 1
    assert store.update_collection(before.id, type="model").type == "model"
    assert store.get_artifact(made.id).type == "model"


def test_where_a_version_is_and_as_what(store):
    made = log(store, "a", aliases=("best",))
    store.link_artifact(made.id, "registry", "models", ["prod"])
    own, linked = store.memberships([made.id])[made.id]
    assert (own.collection.name, own.version, own.aliases) == ("ds", 0, ("best", "latest"))
    assert (linked.collection.project, linked.collection.name) == ("registry", "models")
    assert (linked.collection.portfolio, own.collection.portfolio) == (True, False)
    assert linked.aliases == ("latest", "prod")
    assert store.collection_versions(linked.collection) == [(made.id, 0)]
    assert store.collection_aliases(linked.collection) == ["latest", "prod"]
    place = ("registry", "models", "v1.0")
    store.add_aliases(made.id, [place])
    assert store.find_artifact(*place).id == made.id
    store.delete_aliases(made.id, [place, ("p", "ds", "best")])
    own, linked = store.memberships([made.id])[made.id]
    assert (own.aliases, linked.aliases) == (("latest",), ("latest", "prod"))
    with pytest.raises(NotFoundError):
        store.add_aliases(made.id, [("p", "elsewhere", "a")])


def test_a_collection_is_deleted_with_its_versions_and_their_links(store):
    made = log(store, "a")
    log(store, "b")
    store.link_artifact(made.id, "registry", "models")
    portfolio = store.collection("registry", "models")
    store.delete_collection(portfolio.id)
    assert store.get_artifact(made.id).id == made.id
    store.link_artifact(made.id, "registry", "models")
    store.delete_collection(store.collection("p", "ds").id)
    with pytest.raises(NotFoundError):
        store.collection("p", "ds")
    assert store.artifact_versions("registry", "models") == []
    assert store.artifacts_by_id([made.id]) == []


def test_a_project_that_holds_only_links_is_known(store):
    made = log(store, "a")
    store.link_artifact(made.id, "team/registry", "models")
    assert store.known_project("team/registry") == "team/registry"
    assert store.known_project("p") == "p"
    assert store.known_project("nobody/p") == "p"
