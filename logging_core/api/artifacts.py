"""Artifacts, their types and collections, as `opensweep.Api()` gives them.

Neighbours: client.py and run.py (who ask), artifacts/artifact.py (what a version is).
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from logging_core.api.http import Server, segment
from logging_core.artifacts import names
from logging_core.artifacts.artifact import Artifact
from logging_core.artifacts.source import HttpSource
from logging_core.errors import NotFoundError, UsageError

_PAGE = 100
_NAMES = 1000


class ArtifactType:
    """A kind of artifacts in a project, such as "model"."""

    def __init__(self, server: Server, project: str, name: str) -> None:
        self._server = server
        self.project = project
        self.name = self.type = name

    def __repr__(self) -> str:
        return f"<ArtifactType {self.name}>"

    def collections(self) -> list[ArtifactCollection]:
        """The names that have versions of this type."""
        return artifact_collections(self._server, self.project, self.name)

    def collection(self, name: str) -> ArtifactCollection:
        """One of them. Raises NotFoundError."""
        for found in self.collections():
            if found.name == name:
                return found
        raise NotFoundError(f"project {self.project!r} has no {self.name} {name!r}")


class ArtifactCollection:
    """All versions of one name.

    Attributes:
        name, type, project: whose versions.
        description: for people.
    """

    def __init__(self, server: Server, told: Mapping[str, Any]) -> None:
        self._server = server
        self.project = str(told["project"])
        self.name = self.id = str(told["name"])
        self.type = str(told["type"])
        self.description = str(told["description"])

    def __repr__(self) -> str:
        return f"<ArtifactCollection {self.project}/{self.name} ({self.type})>"

    @property
    def aliases(self) -> list[str]:
        """Of all versions."""
        return sorted({alias for version in self.artifacts() for alias in version.aliases})

    def artifacts(self, per_page: int = _PAGE) -> ArtifactVersions:
        """Its versions, the newest first."""
        del per_page
        return ArtifactVersions(self._server, self.project, self.name)

    versions = artifacts

    def delete(self) -> None:
        """Remove all versions, whatever their aliases."""
        for version in list(self.artifacts()):
            if version.is_link:
                version.unlink()
            else:
                version.delete(delete_aliases=True)


class ArtifactVersions:
    """The versions of a name, the newest first; read page by page."""

    def __init__(self, server: Server, project: str, name: str) -> None:
        self._server = server
        self._project, self._name = project, name

    def __iter__(self) -> Iterator[Artifact]:
        source = HttpSource(self._server)
        before: int | None = None
        while True:
            query = {
                "project": self._project,
                "name": self._name,
                "before": before,
                "limit": _PAGE,
            }
            page = self._server.json("GET", "/api/artifacts", query)["artifacts"]
            for told in page:
                yield Artifact.of_server(told, source)
            if len(page) < _PAGE:
                return
            before = page[-1]["version"]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __repr__(self) -> str:
        return f"<ArtifactVersions {self._project}/{self._name}>"


def artifact(server: Server, name: str) -> Artifact:
    """The version that "[project/]name[:alias]" names. Raises NotFoundError, UsageError."""
    asked = names.parse(name)
    query = {"name": name, "project": asked.project}
    told = server.json("GET", "/api/artifact", query)["artifact"]
    return Artifact.of_server(told, HttpSource(server))


def artifacts(server: Server, type_name: str, name: str) -> ArtifactVersions:
    """The versions of "[project/]name", which must be of this type."""
    asked = names.parse(name)
    project = asked.project or "uncategorized"
    for found in artifact_collections(server, project, None):
        if found.name == asked.name and found.type != type_name:
            raise UsageError(f"{name!r} has type {found.type!r}, not {type_name!r}")
    return ArtifactVersions(server, project, asked.name)


def artifact_types(server: Server, project: str) -> list[ArtifactType]:
    """Those that a project has artifacts of."""
    found = server.json("GET", "/api/artifact-types", {"project": project})["types"]
    return [ArtifactType(server, project, name) for name in found]


def artifact_collections(
    server: Server, project: str, type_name: str | None
) -> list[ArtifactCollection]:
    """The names of a project's artifacts, of one type or all."""
    found: list[ArtifactCollection] = []
    after = ""
    while True:
        query = {"project": project, "type": type_name, "after": after, "limit": _NAMES}
        page = server.json("GET", "/api/artifact-collections", query)["collections"]
        found += [ArtifactCollection(server, told) for told in page]
        if len(page) < _NAMES:
            return found
        after = page[-1]["name"]


def logged_artifacts(server: Server, run_id: str) -> list[Artifact]:
    """What a run made."""
    return _of_run(server, run_id, used=0)


def used_artifacts(server: Server, run_id: str) -> list[Artifact]:
    """What a run used."""
    return _of_run(server, run_id, used=1)


def _of_run(server: Server, run_id: str, used: int) -> list[Artifact]:
    path, source = f"/api/runs/{segment(run_id)}/artifacts", HttpSource(server)
    listed = server.json("GET", path, {"used": used})["artifacts"]
    return [Artifact.of_server(told, source) for told in listed]


def run_of(server: Server, run_id: str) -> Any:
    """A run, as Api.run gives it."""
    from logging_core.api.run import Run

    return Run(server, server.json("GET", "/api/runs/" + segment(run_id), {"exact": "1"}))
