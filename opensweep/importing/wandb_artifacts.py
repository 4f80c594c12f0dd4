"""The artifacts of a project on a W&B server: every version in order, their links and their users.

A version is brought file by file, sent to our server and recorded under the run that made it there.
What has been brought is noted (`Brought`), so that the next time begins where this one stopped.
Neighbours: wandb_server.py (the wire), wandb_project.py (the runs, which come first).
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.sending import Origin, send_steps
from logging_core.artifacts import staging
from logging_core.artifacts.manifest import Entry, Manifest
from logging_core.artifacts.names import check_path
from logging_core.values import dumps
from opensweep.importing.wandb_project import SourceProject
from opensweep.importing.wandb_server import WandbServer, within
from sweeps.errors import ImportFailed, OpensweepError
from sweeps.protocol.client import Client

_MADE_BY_WANDB = ("job", "wandb-history")
"""Types of what W&B makes by itself out of what is brought anyway."""
_INSIDE = ("wandb-artifact://", "wandb-client-artifact://")
"""A reference into another artifact of the same server: its bytes are brought instead."""

_PAGE_OF = "first: $perPage, after: $cursor"
_PAGE_INFO = "pageInfo { endCursor hasNextPage }"

_TYPES = f"""
query ImportedTypes($entity: String!, $project: String!, $cursor: String, $perPage: Int = 100) {{
  project(name: $project, entityName: $entity) {{
    artifactTypes({_PAGE_OF}) {{ edges {{ node {{ name }} }} {_PAGE_INFO} }}
  }}
}}"""

_COLLECTIONS = f"""
query ImportedCollections($entity: String!, $project: String!, $type: String!, $cursor: String,
                          $perPage: Int = 100) {{
  project(name: $project, entityName: $entity) {{
    artifactType(name: $type) {{
      artifactCollections({_PAGE_OF}) {{
        edges {{ node {{ __typename id name }} }} {_PAGE_INFO}
      }}
    }}
  }}
}}"""

_VERSIONS = f"""
query ImportedVersions($entity: String!, $project: String!, $type: String!, $collection: String!,
                       $cursor: String, $perPage: Int = 50) {{
  project(name: $project, entityName: $entity) {{
    artifactType(name: $type) {{
      artifactCollection(name: $collection) {{
        artifacts({_PAGE_OF}) {{
          edges {{ node {{
            id versionIndex state description metadata
            artifactSequence {{ name }}
            aliases {{ alias artifactCollection {{ __typename name }} }}
            createdBy {{ __typename ... on Run {{ name }} }}
            usedBy(first: 100) {{ edges {{ node {{ name project {{ name entityName }} }} }} }}
          }} cursor }}
          {_PAGE_INFO}
        }}
      }}
    }}
  }}
}}"""

_MANIFEST = """
query ImportedManifest($id: ID!) {
  artifact(id: $id) { currentManifest { file { directUrl } } }
}"""

_FILES = f"""
query ImportedArtifactFiles($id: ID!, $cursor: String, $perPage: Int = 1000) {{
  artifact(id: $id) {{
    files({_PAGE_OF}) {{ edges {{ node {{ name directUrl }} }} {_PAGE_INFO} }}
  }}
}}"""

Tell = Callable[[str], None]


@dataclass
class Brought:
    """Which artifacts of the source are which ones here, kept in a file.

    Attributes:
        path: of the file.
        ids: id there -> id here.
    """

    path: Path
    ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Brought:
        ids: dict[str, str] = {}
        with suppress(OSError, ValueError):
            ids = {str(there): str(here) for there, here in json.loads(path.read_text()).items()}
        return cls(path, ids)

    def note(self, there: str, here: str) -> None:
        self.ids[there] = here
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(dumps(self.ids))
        fresh.replace(self.path)


@dataclass(frozen=True)
class Importer:
    """Brings the artifacts of `source` into `project` of the server behind `client`.

    Attributes:
        runs: id of a run there -> its id here.
        brought: what is here already.
        tell: hears what does not come along.
    """

    source: SourceProject
    client: Client
    project: str
    runs: Mapping[str, str]
    brought: Brought
    tell: Tell

    def all(self) -> Iterator[str]:
        """Brings everything; gives the name of each version that is new here.

        Raises as WandbServer and Client do; the next call goes on there.
        """
        links = []
        for type_name, node in self._collections():
            if node.get("__typename") == "ArtifactPortfolio":
                links.append((type_name, str(node["name"])))
                continue
            yield from self._versions(type_name, str(node["name"]))
        for type_name, name in links:
            self._link(type_name, name)

    def _collections(self) -> list[tuple[str, dict[str, Any]]]:
        server, place = self.source.server, self.source.place
        found = []
        for kind in server.pages(_TYPES, place, ("project", "artifactTypes")):
            if kind["name"] in _MADE_BY_WANDB:
                continue
            path = ("project", "artifactType", "artifactCollections")
            asked = {**place, "type": kind["name"]}
            found += [(kind["name"], node) for node in server.pages(_COLLECTIONS, asked, path)]
        return found

    def _nodes(self, type_name: str, collection: str) -> list[dict[str, Any]]:
        asked = {**self.source.place, "type": type_name, "collection": collection}
        path = ("project", "artifactType", "artifactCollection", "artifacts")
        nodes = self.source.server.pages(_VERSIONS, asked, path)
        return [node for node in nodes if node.get("state") in (None, "COMMITTED")]

    def _versions(self, type_name: str, name: str) -> Iterator[str]:
        for node in sorted(
            self._nodes(type_name, name), key=lambda each: each.get("versionIndex") or 0
        ):
            label = f"{name}:v{node.get('versionIndex')}"
            there = str(node["id"])
            here = self.brought.ids.get(there)
            try:
                if here is None:
                    artifact = self._bring(node, type_name, name)
                    here = str(artifact["id"])
                    self.brought.note(there, here)
                    if artifact["version"] != node.get("versionIndex"):
                        self.tell(f"artifact {label} is v{artifact['version']} here")
                    yield label
                self._users(node, here)
            except ImportFailed as error:
                self.tell(f"artifact {label} does not come along: {error}")

    def _bring(self, node: Mapping[str, Any], type_name: str, name: str) -> dict[str, Any]:
        """The artifact as it is here now."""
        place = self.source.downloads / "artifact"
        try:
            manifest, origins = self._fetch(str(node["id"]), place)
            listing = place / "manifest.json"
            listing.write_bytes(dumps(manifest.to_json()))
            digest, size = staging.digest_of(str(listing))
            origins[digest] = Origin(str(listing), size)
            for _ in send_steps(self.client, origins):
                continue  # nothing else is to be done between the steps
            answer = self.client.commit_artifact(
                {
                    "run": self.runs.get(str((node.get("createdBy") or {}).get("name"))),
                    "project": self.project,
                    "type": type_name,
                    "name": name,
                    "manifest": digest,
                    "description": node.get("description") or "",
                    "metadata": _object(node.get("metadata")),
                    "aliases": _aliases(node, name),
                }
            )
        finally:
            shutil.rmtree(place, ignore_errors=True)
        if "artifact" not in answer:
            raise ImportFailed("files were lost on the way: give the command again")
        found: dict[str, Any] = answer["artifact"]
        return found

    def _fetch(self, there: str, place: Path) -> tuple[Manifest, dict[str, Origin | None]]:
        """Its manifest in our form, and the bytes that it lists."""
        server = self.source.server
        found = within(server.ask(_MANIFEST, {"id": there}), ("artifact", "currentManifest"))
        listing = place / "theirs.json"
        server.download(str(within(found, ("file",))["directUrl"]), listing, size=None, md5=None)
        contents = _object(listing.read_text("utf-8")).get("contents")
        if not isinstance(contents, dict):
            raise ImportFailed("its manifest cannot be read")
        addresses = _Addresses(server)
        entries: list[Entry] = []
        origins: dict[str, Origin | None] = {}
        for number, (path, said) in enumerate(contents.items()):
            check_path(path)
            if _outside(said):
                size, extra = said.get("size"), said.get("extra")
                entries.append(Entry(path, str(said["digest"]), size, said["ref"], extra))
                continue
            target = place / f"{number:06d}"
            url = addresses.of(there, path, said.get("ref"))
            # What is said of a reference is not said of the bytes that it leads to.
            sure = said if "ref" not in said else {}
            server.download(url, target, size=sure.get("size"), md5=sure.get("digest"))
            digest, length = staging.digest_of(str(target))
            origins[digest] = Origin(str(target), length)
            entries.append(Entry(path, digest, length))
        return Manifest(entries), origins

    def _users(self, node: Mapping[str, Any], here: str) -> None:
        for edge in (node.get("usedBy") or {}).get("edges") or ():
            run = (edge or {}).get("node") or {}
            project = run.get("project") or {}
            mine = (project.get("entityName"), project.get("name")) == (
                self.source.entity,
                self.source.name,
            )
            if mine and run.get("name") in self.runs:
                self.client.use_artifact(self.runs[run["name"]], here)

    def _link(self, type_name: str, portfolio: str) -> None:
        for node in self._nodes(type_name, portfolio):
            here = self.brought.ids.get(str(node["id"]))
            if here is None:
                sequence = (node.get("artifactSequence") or {}).get("name")
                self.tell(f"{portfolio} links a version of {sequence}, which is of another project")
                continue
            try:
                aliases = _aliases(node, portfolio)
                self.client.link_artifact(here, self.project, portfolio, aliases)
            except OpensweepError as error:
                self.tell(f"the link {portfolio} does not come along: {error}")


class _Addresses:
    """Where the files of artifacts are to be had."""

    def __init__(self, server: WandbServer) -> None:
        self._server = server
        self._known: dict[str, dict[str, str]] = {}

    def of(self, artifact_id: str, path: str, ref: str | None) -> str:
        """The address of a file; of one that another artifact has, in that one.

        Raises ImportFailed when the server gives none.
        """
        url = self._all(artifact_id).get(path)
        if not url and ref is not None and ref.startswith(_INSIDE[0]):
            owner, _, inside = ref.removeprefix(_INSIDE[0]).partition("/")
            with suppress(ValueError):
                url = self._all(base64.b64encode(bytes.fromhex(owner)).decode()).get(inside)
        if not url:
            raise ImportFailed(f"the server gives no address for its file {path!r}")
        return url

    def _all(self, artifact_id: str) -> dict[str, str]:
        if artifact_id not in self._known:
            nodes = self._server.pages(_FILES, {"id": artifact_id}, ("artifact", "files"))
            # A file that is a reference has that as its address, or none.
            urls = ((str(node["name"]), str(node.get("directUrl") or "")) for node in nodes)
            found = {name: url for name, url in urls if url.startswith(("http", "/"))}
            self._known[artifact_id] = found
        return self._known[artifact_id]


def _outside(entry: Any) -> bool:
    """Whether its bytes are neither here nor there: a reference to a bucket, or a web page."""
    ref = entry.get("ref") if isinstance(entry, dict) else None
    return isinstance(ref, str) and not ref.startswith(_INSIDE)


def _aliases(node: Mapping[str, Any], collection: str) -> list[str]:
    """Those that a version has in a collection, without the ones that every server gives itself."""
    found = []
    for each in node.get("aliases") or ():
        of = (each.get("artifactCollection") or {}).get("name")
        alias = str(each.get("alias") or "")
        if of in (None, collection) and alias != "latest" and not re.fullmatch(r"v\d+", alias):
            found.append(alias)
    return found


def _object(text: Any) -> dict[str, Any]:
    if isinstance(text, str):
        try:
            text = json.loads(text)
        except ValueError:
            return {}
    return text if isinstance(text, dict) else {}
