"""Artifacts as the `wandb` client logs and fetches them, over HTTP, without that client."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.request
from typing import Any

import pytest
from files_world import KEY, FilesWorld, files_world
from sqlalchemy import update
from test_wandb_files import ask, request

from controller.checksums import manifest_md5
from controller.garbage import STALE_UPLOAD_S, collect
from controller.store.artifact_schema import artifact_drafts, blobs
from controller.store.keys import Role
from controller.store.runs import NewRun
from controller.wandb_api.ids import global_id, parse_id

CREATE = """mutation c($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact {
  id state digest aliases { alias } artifactSequence { latestArtifact { id versionIndex } }
} } }"""
MANIFEST = """mutation m($input: X!, $upload: Boolean!) { createArtifactManifest(input: $input) {
  artifactManifest { id file { id uploadUrl @include(if: $upload) uploadHeaders } }
} }"""
UPDATE_MANIFEST = """mutation m($input: X!) { updateArtifactManifest(input: $input) {
  artifactManifest { id file { uploadUrl } }
} }"""
FILES = """mutation f($input: X!) { createArtifactFiles(input: $input) { files { edges { node {
  name displayName storagePath uploadUrl uploadHeaders artifact { id }
  uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } }
} } } } }"""
COMPLETE = "mutation c($input: X!) { completeMultipartUploadArtifact(input: $input) { digest } }"
COMMIT = """mutation c($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact {
  id digest state
} } }"""
FETCH = """query a($id: ID!) { artifact(id: $id) {
  id state digest versionIndex size fileCount commitHash ttlDurationSeconds ttlIsInherited
  description metadata historyStep tags { id name } artifactType { name }
  aliases { alias artifactCollectionName artifactCollection { __typename name } }
  artifactSequence { __typename name project { name entity { name } } }
  createdBy { __typename ... on Run { name } } usedBy { edges { node { name } } }
  currentManifest { file { directUrl } }
  files { totalCount edges { node { name sizeBytes md5 directUrl } } }
} }"""
BY_NAME = """query n($name: String!) { project(name: "p") {
  artifactCollectionMembership(name: $name) { versionIndex aliases { alias } artifact { id } }
} }"""


@pytest.fixture
def world(tmp_path):
    with files_world(tmp_path) as made:
        made.store.register_run(NewRun("r", "uid", project="p"))
        yield made


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def data_of(answer: dict[str, Any]) -> Any:
    assert "errors" not in answer, answer["errors"]
    (value,) = answer["data"].values()
    return value


def error_of(answer: dict[str, Any]) -> str:
    return str(answer["errors"][0]["message"])


def digest_of(entries: dict[str, Any]) -> str:
    return manifest_md5({path: entry["digest"] for path, entry in entries.items()})


def entries_of(files: dict[str, bytes]) -> dict[str, Any]:
    return {path: {"digest": md5(data), "size": len(data)} for path, data in files.items()}


def create(world: FilesWorld, entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {
        "entityName": "opensweep",
        "projectName": "p",
        "runName": "r",
        "artifactTypeName": "dataset",
        "artifactCollectionName": "ds",
        "digest": digest_of(entries),
        "digestAlgorithm": "MANIFEST_MD5",
        "enableDigestDeduplication": True,
        "aliases": [{"artifactCollectionName": "ds", "alias": "latest"}],
    }
    return dict(data_of(ask(world, CREATE, input={**given, **more}))["artifact"])


def specs(draft: str, files: dict[str, bytes]) -> list[dict[str, Any]]:
    return [{"artifactID": draft, "name": path, "md5": md5(data)} for path, data in files.items()]


def send(world: FilesWorld, draft: str, files: dict[str, bytes]) -> list[str]:
    """Sends what is not there; which files that were."""
    asked = {"artifactFiles": specs(draft, files), "storageLayout": "V2"}
    sent = []
    for edge in data_of(ask(world, FILES, input=asked))["files"]["edges"]:
        node = edge["node"]
        assert node["artifact"]["id"] == draft
        if node["uploadUrl"] is not None:
            assert request(node["uploadUrl"], "PUT", files[node["name"]]).status == 200
            sent.append(node["name"])
    return sent


def list_entries(
    world: FilesWorld, draft: str, entries: dict[str, Any], kind: str = "FULL", **more: Any
) -> None:
    """As clients do: the list is announced, then its MD5 is told, then it is sent."""
    text = json.dumps({"version": 1, "contents": entries}).encode()
    given = {"artifactID": draft, "name": "wandb_manifest.json", "type": kind, "runName": "r"}
    first = ask(world, MANIFEST, input={**given, "digest": "", **more}, upload=False)
    made = data_of(first)["artifactManifest"]
    if kind == "FULL":
        again = ask(world, MANIFEST, input={**given, "digest": md5(text), **more}, upload=True)
        made = data_of(again)["artifactManifest"]
    else:
        told = {"artifactManifestID": made["id"], "digest": md5(text)}
        made = data_of(ask(world, UPDATE_MANIFEST, input=told))["artifactManifest"]
    assert request(made["file"]["uploadUrl"], "PUT", text).status == 200


def log(world: FilesWorld, files: dict[str, bytes], **more: Any) -> dict[str, Any]:
    """A whole version; what the server then says of it."""
    entries = entries_of(files)
    draft = create(world, entries, **more)
    assert draft["state"] == "PENDING"
    send(world, draft["id"], files)
    list_entries(world, draft["id"], entries)
    committed = data_of(ask(world, COMMIT, id=draft["id"]))["artifact"]
    assert committed["digest"] == digest_of(entries)
    return fetch(world, draft["id"])


def fetch(world: FilesWorld, key: str) -> dict[str, Any]:
    return dict(data_of(ask(world, FETCH, id=key)))


def age(world: FilesWorld, table: Any, seconds: float) -> None:
    with world.store._db.write() as connection:
        connection.execute(update(table).values(touched=table.c.touched - seconds))


def test_a_version_is_logged_and_read_back(world):
    files = {"a/b.txt": b"hello", "empty": b""}
    made = log(
        world,
        files,
        aliases=[{"artifactCollectionName": "ds", "alias": "best"}],
        tags=[{"tagName": "t"}],
        metadata='{"k": NaN}',
        description="about",
        ttlDurationSeconds=60,
        historyStep=7,
        clientID="c1",
    )
    assert (made["state"], made["versionIndex"], made["size"], made["fileCount"]) == (
        *("COMMITTED", 0, 5, 2),
    )
    assert {alias["alias"] for alias in made["aliases"]} == {"best", "latest", "v0"}
    assert made["artifactSequence"]["project"] == {"name": "p", "entity": {"name": "opensweep"}}
    assert (made["ttlDurationSeconds"], made["ttlIsInherited"]) == (60, False)
    assert (made["tags"][0]["name"], made["historyStep"]) == ("t", 7)
    assert made["createdBy"] == {"__typename": "Run", "name": "r"}
    manifest = json.loads(request(made["currentManifest"]["file"]["directUrl"]).body)
    assert manifest["storagePolicyConfig"] == {"storageLayout": "V2"}
    assert {path: (e["digest"], e["size"]) for path, e in manifest["contents"].items()} == {
        path: (md5(data), len(data)) for path, data in files.items()
    }
    for edge in made["files"]["edges"]:
        node = edge["node"]
        assert request(node["directUrl"]).body == files[node["name"]]
        assert node["md5"] == md5(files[node["name"]])
    mapping = 'query m { clientIDMapping(clientID: "c1") { serverID } }'
    assert data_of(ask(world, mapping)) == {"serverID": made["id"]}


def test_the_same_content_is_no_new_version_and_needs_no_bytes(world):
    first = log(world, {"a": b"1"})
    second = log(world, {"a": b"2"})
    assert second["versionIndex"] == 1
    again = create(world, entries_of({"a": b"1"}))
    assert (again["id"], again["state"]) == (first["id"], "COMMITTED")
    assert again["artifactSequence"]["latestArtifact"]["id"] == first["id"]
    # Another name, the same bytes: nothing is sent.
    draft = create(world, entries_of({"b": b"1"}), artifactCollectionName="other")
    assert send(world, draft["id"], {"b": b"1"}) == []


def test_a_commit_may_be_repeated(world):
    made = log(world, {"a": b"1"})
    again = data_of(ask(world, COMMIT, id=made["id"]))["artifact"]
    assert (again["id"], again["state"]) == (made["id"], "COMMITTED")


def test_two_that_log_the_same_at_once_get_one_version(world):
    entries = entries_of({"a": b"1"})
    one, two = create(world, entries), create(world, entries)
    for draft in (one, two):
        send(world, draft["id"], {"a": b"1"})
        list_entries(world, draft["id"], entries)
    first = data_of(ask(world, COMMIT, id=one["id"]))["artifact"]
    assert data_of(ask(world, COMMIT, id=two["id"]))["artifact"]["id"] == first["id"]
    assert fetch(world, two["id"])["id"] == first["id"]


def test_what_is_not_what_it_says_is_refused_and_the_commit_too(world):
    files = {"a": b"right"}
    draft = create(world, entries_of(files))
    asked = {"artifactFiles": specs(draft["id"], files)}
    (edge,) = data_of(ask(world, FILES, input=asked))["files"]["edges"]
    assert request(edge["node"]["uploadUrl"], "PUT", b"wrong").status == 400
    list_entries(world, draft["id"], entries_of(files))
    assert "never arrived: a" in error_of(ask(world, COMMIT, id=draft["id"]))
    assert fetch(world, draft["id"])["state"] == "PENDING"
    assert request(edge["node"]["uploadUrl"], "PUT", b"right").status == 200
    assert data_of(ask(world, COMMIT, id=draft["id"]))["artifact"]["state"] == "COMMITTED"


def test_a_list_that_never_came_is_told(world):
    draft = create(world, {})
    assert "was never sent" in error_of(ask(world, COMMIT, id=draft["id"]))
    given = {"artifactID": draft["id"], "name": "m", "digest": md5(b"x")}
    data_of(ask(world, MANIFEST, input=given, upload=True))
    assert "never arrived" in error_of(ask(world, COMMIT, id=draft["id"]))


@pytest.mark.parametrize(
    "contents",
    [
        {"../../etc/passwd": {"digest": md5(b"1"), "size": 1}},
        {"a": {"digest": "no base64", "size": 1}},
        {"a": {"digest": md5(b"1"), "size": 1, "extra": {"alg": "XXH128"}}},
        {"a": {"size": 1}},
        {"a": "text"},
    ],
)
def test_a_list_is_read_with_suspicion(world, contents):
    draft = create(world, {})
    send(world, draft["id"], {"a": b"1"})
    list_entries(world, draft["id"], contents)
    assert error_of(ask(world, COMMIT, id=draft["id"]))


def test_parts_of_several_processes_and_increments_are_put_together(world):
    parts = [{"a": b"1"}, {"b": b"2"}]
    ids = set()
    for part in parts:
        draft = create(world, entries_of(part), distributedID="group")
        ids.add(draft["id"])
        send(world, draft["id"], part)
        list_entries(world, draft["id"], entries_of(part), "PATCH")
    assert len(ids) == 1
    data_of(ask(world, COMMIT, id=draft["id"]))
    whole = fetch(world, draft["id"])
    assert [edge["node"]["name"] for edge in whole["files"]["edges"]] == ["a", "b"]
    assert whole["digest"] == digest_of(entries_of({"a": b"1", "b": b"2"}))
    more = create(world, entries_of({"c": b"3"}))
    assert more["artifactSequence"]["latestArtifact"]["id"] == whole["id"]
    send(world, more["id"], {"c": b"3"})
    list_entries(world, more["id"], entries_of({"c": b"3"}), "INCREMENTAL")
    data_of(ask(world, COMMIT, id=more["id"]))
    grown = fetch(world, more["id"])
    assert (grown["versionIndex"], grown["fileCount"]) == (1, 3)


def test_a_large_file_comes_in_parts(world):
    pieces = [b"x" * 1000, b"y" * 500]
    data = b"".join(pieces)
    entries = entries_of({"big": data})
    draft = create(world, entries)
    (spec,) = specs(draft["id"], {"big": data})
    spec["uploadPartsInput"] = [
        {"partNumber": n, "hexMD5": hashlib.md5(piece).hexdigest()}
        for n, piece in enumerate(pieces, 1)
    ]
    (edge,) = data_of(ask(world, FILES, input={"artifactFiles": [spec]}))["files"]["edges"]
    node = edge["node"]
    multipart = node["uploadMultipartUrls"]
    etags = []
    for part, piece in zip(multipart["uploadUrlParts"], pieces, strict=True):
        answer = request(part["uploadUrl"], "PUT", piece)
        etags.append({"partNumber": part["partNumber"], "hexMD5": answer.headers["ETag"]})
    done = {
        "completeMultipartAction": "Complete",
        "completedParts": etags,
        "artifactID": draft["id"],
        "storagePath": node["storagePath"],
        "uploadID": multipart["uploadID"],
    }
    assert data_of(ask(world, COMPLETE, input=done)) == {"digest": md5(data)}
    list_entries(world, draft["id"], entries)
    data_of(ask(world, COMMIT, id=draft["id"]))
    assert send(world, create(world, {})["id"], {"big": data}) == []


def test_references_stay_what_they_are_and_name_artifacts_by_theirs(world):
    target = log(world, {"a": b"1"})
    elsewhere = f"wandb-artifact://{base64.b64decode(target['id']).hex()}/a"
    entries = {
        "s3": {"digest": "etag", "size": 9, "ref": "s3://bucket/key", "extra": {"versionID": "v"}},
        "other": {"digest": md5(b"1"), "size": 1, "ref": elsewhere},
        "file": {"digest": "x", "ref": "file:///nowhere"},
    }
    draft = create(world, entries, artifactCollectionName="refs")
    list_entries(world, draft["id"], entries)
    data_of(ask(world, COMMIT, id=draft["id"]))
    made = fetch(world, draft["id"])
    manifest = json.loads(request(made["currentManifest"]["file"]["directUrl"]).body)
    assert manifest["contents"] == entries
    ours = world.server().json("GET", f"/api/artifacts/{parse_id(made['id'], 'Artifact')}/manifest")
    assert ours["contents"]["other"]["ref"] == (
        f"opensweep-artifact://{parse_id(target['id'], 'Artifact')}/a"
    )
    urls = {edge["node"]["name"]: edge["node"]["directUrl"] for edge in made["files"]["edges"]}
    assert urls["s3"] == "s3://bucket/key"


def test_a_draft_survives_a_restart_and_keeps_its_bytes(tmp_path):
    files = {"a": b"1"}
    with files_world(tmp_path) as world:
        world.store.register_run(NewRun("r", "uid", project="p"))
        draft = create(world, entries_of(files))
        send(world, draft["id"], files)
    with files_world(tmp_path) as world:
        age(world, blobs, STALE_UPLOAD_S)
        collect(world.store, world.blobs)
        list_entries(world, draft["id"], entries_of(files))
        age(world, blobs, STALE_UPLOAD_S)
        collect(world.store, world.blobs)
        assert data_of(ask(world, COMMIT, id=draft["id"]))["artifact"]["state"] == "COMMITTED"


def test_a_draft_that_was_given_up_goes_with_its_bytes(world):
    draft = create(world, entries_of({"a": b"1"}))
    send(world, draft["id"], {"a": b"1"})
    age(world, blobs, 2 * STALE_UPLOAD_S)
    age(world, artifact_drafts, 2 * STALE_UPLOAD_S)
    done = collect(world.store, world.blobs)
    assert (done.drafts, done.blobs) == (1, 1)
    refused = ask(world, FILES, input={"artifactFiles": specs(draft["id"], {"a": b"1"})})
    assert "Log it again" in error_of(refused)
    assert "Log it again" in error_of(ask(world, COMMIT, id=draft["id"]))


def test_clients_make_up_addresses_by_themselves(world):
    made = log(world, {"dir/a.txt": b"hello"})
    in_hex = hashlib.md5(b"hello").hexdigest()
    basic = "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()
    for path in (
        f"/artifactsV2/default/opensweep/{made['id'].replace('=', '%3D')}/{in_hex}",
        f"/artifactsV2/default/opensweep/p/ds/{made['id']}/{in_hex}/a.txt",
        f"/artifactsV2/default/opensweep/p/ds/{made['id']}/{made['id']}/{in_hex}/a.txt",
        f"/artifactsV2/default/opensweep//{in_hex}",
        f"/artifacts/opensweep/{in_hex}",
    ):
        assert request(world.url + path, Authorization=basic).body == b"hello"
        assert request(world.url + path).status == 401
    unknown = f"/artifacts/opensweep/{'0' * 32}"
    assert request(world.url + unknown, Authorization=basic).status == 404


def test_names_find_versions_by_alias_number_and_digest(world):
    log(world, {"a": b"1"})
    second = log(world, {"a": b"2"})
    for name in ("ds", "ds:latest", "ds:v1", f"ds:{second['digest']}"):
        assert data_of(ask(world, BY_NAME, name=name))["artifactCollectionMembership"] == {
            "versionIndex": 1,
            "aliases": [{"alias": "latest"}, {"alias": "v1"}],
            "artifact": {"id": second["id"]},
        }
    for name in ("ds:v2", "ds:none", "nothing:latest"):
        assert data_of(ask(world, BY_NAME, name=name)) == {"artifactCollectionMembership": None}
    assert data_of(ask(world, FETCH, id=global_id("Artifact", "none"))) is None


def test_lists_have_filters_orders_and_pages(world):
    for number in range(5):
        log(
            world,
            {"a": str(number).encode()},
            tags=[{"tagName": "even"}] if number % 2 == 0 else [],
            metadata=json.dumps({"n": {"deep": number}}),
        )
    query = """query v($filters: JSONString, $order: String, $first: Int, $after: String) {
      project(name: "p") { artifactType(name: "dataset") { artifactCollection(name: "ds") {
        artifacts(filters: $filters, order: $order, first: $first, after: $after) {
          totalCount pageInfo { endCursor hasNextPage } edges { version node { versionIndex } }
    } } } } }"""

    def versions(**given: Any) -> list[str]:
        if "filters" in given:
            given["filters"] = json.dumps(given["filters"])
        found = data_of(ask(world, query, **given))["artifactType"]["artifactCollection"]
        return [edge["version"] for edge in found["artifacts"]["edges"]]

    assert versions(filters={"state": "COMMITTED"}) == ["v4", "v3", "v2", "v1", "v0"]
    assert versions(first=2, after="2") == ["v2", "v1"]
    assert versions(filters={"tags": "even"}, order="+created_at") == ["v0", "v2", "v4"]
    assert versions(filters={"metadata.n.deep": {"$gt": 2}}) == ["v4", "v3"]
    assert versions(filters={"alias": "latest"}) == ["v4"]
    assert versions(filters={"state": "PENDING"}) == []


def test_a_collection_of_links_is_a_portfolio_and_a_registry_is_found(world):
    made = log(world, {"a": b"1"})
    link = """mutation l($input: X!) { result: linkArtifact(input: $input) { versionIndex
      artifactMembership { artifactCollection { __typename id name } aliases { alias } } } }"""
    given = {
        "artifactID": made["id"],
        "artifactPortfolioName": "best",
        "entityName": "opensweep",
        "projectName": "wandb-registry-model",
        "aliases": [{"alias": "prod", "artifactCollectionName": "best"}],
    }
    linked = data_of(ask(world, link, input=given))
    collection = linked["artifactMembership"]["artifactCollection"]
    assert (linked["versionIndex"], collection["__typename"]) == (0, "ArtifactPortfolio")
    registry = """{ organization(name: "opensweep") { orgEntity { entityType
      projects { edges { node { name } } }
      artifactCollections { totalCount edges { node { __typename name } } }
      artifactMemberships { edges { node { aliases { alias } artifact { id } } } } } } }"""
    found = data_of(ask(world, registry))["orgEntity"]
    assert found["entityType"] == "organization"
    assert [edge["node"]["name"] for edge in found["projects"]["edges"]] == ["wandb-registry-model"]
    assert found["artifactCollections"]["totalCount"] == 1
    (edge,) = found["artifactMemberships"]["edges"]
    assert edge["node"]["artifact"]["id"] == made["id"]
    unlink = "mutation u($input: X!) { unlinkArtifact(input: $input) { success } }"
    told = {"artifactID": made["id"], "artifactPortfolioID": collection["id"]}
    assert data_of(ask(world, unlink, input=told)) == {"success": True}
    assert data_of(ask(world, registry))["orgEntity"]["artifactMemberships"]["edges"] == []


def test_versions_and_collections_are_changed_and_deleted(world):
    made = log(world, {"a": b"1"}, tags=[{"tagName": "old"}])
    change = """mutation u($input: X!) { updateArtifact(input: $input) { artifact {
      description metadata ttlDurationSeconds tags { name } aliases { alias } } } }"""
    given = {
        "artifactID": made["id"],
        "description": "new",
        "metadata": '{"z": 1}',
        "ttlDurationSeconds": -2,
        "tagsToAdd": [{"tagName": "fresh"}],
        "tagsToDelete": [{"tagName": "old"}],
        "aliases": [{"artifactCollectionName": "ds", "alias": "mine"}],
    }
    changed = data_of(ask(world, change, input=given))["artifact"]
    assert (changed["description"], changed["metadata"]) == ("new", '{"z":1}')
    assert [tag["name"] for tag in changed["tags"]] == ["fresh"]
    assert [alias["alias"] for alias in changed["aliases"]] == ["mine", "v0"]
    place = {"entityName": "opensweep", "projectName": "p", "artifactCollectionName": "ds"}
    for name, aliases in (("addAliases", ["mine", "more"]), ("deleteAliases", ["mine"])):
        mutation = f"mutation a($input: X!) {{ {name}(input: $input) {{ success }} }}"
        told = {"artifactID": made["id"], "aliases": [{**place, "alias": one} for one in aliases]}
        assert data_of(ask(world, mutation, input=told)) == {"success": True}
        assert {one["alias"] for one in fetch(world, made["id"])["aliases"]} >= {"more"}
    delete = "mutation d($input: X!) { deleteArtifact(input: $input) { artifact { id state } } }"
    told = {"artifactID": made["id"], "deleteAliases": False}
    assert "aliases more" in error_of(ask(world, delete, input=told))
    gone = data_of(ask(world, delete, input={**told, "deleteAliases": True}))["artifact"]
    assert gone == {"id": made["id"], "state": "DELETED"}
    assert data_of(ask(world, FETCH, id=made["id"])) is None


def test_a_name_that_is_of_another_type_is_refused_at_once(world):
    log(world, {"a": b"1"})
    given = {"entityName": "opensweep", "projectName": "p", "artifactTypeName": "model"}
    given |= {"artifactCollectionName": "ds", "digest": "0" * 32}
    assert "has type 'dataset'" in error_of(ask(world, CREATE, input=given))
    for name in ("a/b", "", "x" * 129):
        refused = ask(world, CREATE, input={**given, "artifactCollectionName": name})
        assert "letters, digits" in error_of(refused)
    refused = ask(world, CREATE, input={**given, "runName": "nobody"})
    assert "no run 'nobody'" in error_of(refused)


def test_a_key_that_may_only_read_logs_nothing(world):
    _, key = world.store.add_key("eve", Role.READ)
    assert "the role read" in error_of(ask(world, CREATE, key, input={}))
    made = log(world, {"a": b"1"})
    assert data_of(ask(world, FETCH, key, id=made["id"]))["digest"] == made["digest"]


def put(address: str, data: bytes) -> int:
    asked = urllib.request.Request(address, data, {"Authorization": f"Bearer {KEY}"}, method="PUT")
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return int(answer.status)


def test_what_our_own_logger_logged_has_digests_of_theirs(world):
    data = b"of our own logger"
    digest = hashlib.sha256(data).hexdigest()
    listing = {"version": 1, "contents": {"x": {"digest": digest, "size": len(data)}}}
    text = json.dumps(listing).encode()
    for part in (data, text):
        address = f"{world.url}/api/blobs/{hashlib.sha256(part).hexdigest()}?size={len(part)}"
        assert put(address, part) == 200
    done = world.server().json(
        "POST",
        "/api/artifacts",
        None,
        {
            "project": "p",
            "type": "dataset",
            "name": "ds",
            "manifest": hashlib.sha256(text).hexdigest(),
        },
    )
    theirs = create(world, entries_of({"x": data}))
    assert theirs["state"] == "COMMITTED"
    assert parse_id(theirs["id"], "Artifact") == done["artifact"]["id"]
