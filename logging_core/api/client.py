"""`opensweep.Api()`: the way in to what was recorded, with W&B's names.

Finds the server as the `sweep` command does, and has this user's own started where none runs and
opensweep is installed whole. Neighbours: http.py, project.py, runs.py, run.py, sweep.py,
artifacts.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Mapping

from logging_core import follower
from logging_core.api.http import TIMEOUT_S, Server, ServerAddress, find_address, segment
from logging_core.api.project import Project
from logging_core.api.run import Run, User
from logging_core.api.runs import Runs
from logging_core.api.sweep import Sweep
from logging_core.environment import read
from logging_core.errors import CommError, NotFoundError, UsageError

_START_S = 90.0
_START = "from opensweep.local import ensure_server; ensure_server().close()"
_SETTINGS = ("base_url", "entity", "project")


class Api:
    """Everything that was recorded.

        api = opensweep.Api()
        for run in api.runs("my-project", {"config.lr": {"$gt": 0.01}}, "-summary_metrics.acc"):
            print(run.name, run.config, run.summary["acc"])

    Paths are PROJECT/ID, ENTITY/PROJECT/ID or ID alone.

    Args:
        overrides: base_url (the server's), entity and project for paths that name none.
        timeout: seconds to wait for an answer.
        api_key: the server's; else OPENSWEEP_API_KEY, or the one in the home folder.

    Raises:
        CommError: there is no server, and none can be started from here.
        UsageError: the address is none, or its key is not known.
    """

    def __init__(
        self,
        overrides: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        api_key: str | None = None,
    ) -> None:
        given = dict(overrides or {})
        unknown = sorted(set(given) - set(_SETTINGS))
        if unknown:
            raise UsageError(f"Api(): no setting {unknown[0]!r}; there are {', '.join(_SETTINGS)}")
        environ = dict(os.environ)
        if given.get("base_url"):
            environ["OPENSWEEP_URL"] = str(given["base_url"])
        if api_key:
            environ["OPENSWEEP_API_KEY"] = api_key
        env = read(environ)
        self._project = str(given.get("project") or env.project)
        self._entity = str(given.get("entity") or env.entity)
        address = _find(environ)
        if address is None:
            raise CommError(
                "no opensweep server is known here: set OPENSWEEP_URL and OPENSWEEP_API_KEY, or "
                "start one with `sweep server start`."
            )
        seconds = TIMEOUT_S if timeout is None else timeout
        self._server = Server(*address, timeout_s=seconds, again=lambda: _find(environ))

    def __repr__(self) -> str:
        return f"<Api {self._server.url}>"

    @property
    def default_entity(self) -> str:
        return self._entity

    @property
    def settings(self) -> dict[str, str]:
        return {"base_url": self._server.url, "entity": self._entity, "project": self._project}

    def flush(self) -> None:
        """Nothing is kept from one question to the next; W&B has it."""

    @property
    def viewer(self) -> User:
        """Who asks: the user of this machine."""
        return User(read(dict(os.environ)).username)

    def create_run(self, **_named: Any) -> Run:
        """W&B's; a run is made by the process that records it."""
        raise UsageError("create_run(): runs are made by opensweep.init(project=…), also here")

    # -- projects, runs, sweeps --------------------------------------------------------------

    def projects(self, entity: str | None = None, per_page: int = 200) -> list[Project]:  # noqa: ARG002
        """All projects, by name."""
        listed = self._server.json("GET", "/api/projects")["projects"]
        return [Project(self._server, entity or self._entity, record) for record in listed]

    def project(self, name: str, entity: str | None = None) -> Project:
        """One project. Raises NotFoundError."""
        wanted = name.rpartition("/")[2]
        for project in self.projects(entity):
            if project.name == wanted:
                return project
        raise NotFoundError(f"there is no project {wanted!r}")

    def runs(
        self,
        path: str | None = None,
        filters: Mapping[str, Any] | None = None,
        order: str = "+created_at",
        per_page: int = 50,
        include_sweeps: bool = True,  # noqa: ARG002 W&B has it
    ) -> Runs:
        """The runs of a project that fit.

        Args:
            path: PROJECT or ENTITY/PROJECT; None: the default project, or all.
            filters: in W&B's MongoDB style: {"$or": [{"state": "running"}, {"tags": "best"}]}.
                Names are config.NAME, summary_metrics.NAME, state, display_name, name (the id),
                group, job_type, tags, sweep, user, created_at, heartbeat_at.
            order: names with "+" or "-", several parted by commas.
            per_page: how many are fetched at a time.

        When the first run is fetched, a wrong filter or order raises UsageError, and a project that
        does not exist NotFoundError (a CommError); a project is there once it has a run.
        """
        project = "/".join(_parts(path, 2, "PROJECT or ENTITY/PROJECT")) if path else self._project
        return Runs(
            self._server, project=project or None, filters=filters, order=order, per_page=per_page
        )

    def run(self, path: str) -> Run:
        """One run, by ID, PROJECT/ID or ENTITY/PROJECT/ID. Raises NotFoundError."""
        parts = [part for part in _parts(path, 4, "PROJECT/ID") if part != "runs"]
        run_id = parts[-1]
        asked = {"exact": "1", "project": "/".join(parts[:-1])}
        return Run(self._server, self._server.json("GET", "/api/runs/" + segment(run_id), asked))

    def sweep(self, path: str) -> Sweep:
        """One sweep, by ID, PROJECT/ID or ENTITY/PROJECT/ID. Raises NotFoundError."""
        parts = [part for part in _parts(path, 4, "PROJECT/ID") if part != "sweeps"]
        return Sweep(self._server, parts[-1])

    # -- artifacts ---------------------------------------------------------------------------

    def artifact(self, name: str, type: str | None = None) -> Any:
        """One artifact, by [PROJECT/]NAME:ALIAS (or :vN). Raises NotFoundError."""
        from logging_core.api import artifacts

        found = artifacts.artifact(self._server, self._named(name))
        if type is not None and found.type != type:
            raise UsageError(f"artifact {name!r} is of type {found.type!r}, not {type!r}")
        return found

    def artifacts(self, type_name: str, name: str, per_page: int = 50) -> Any:  # noqa: ARG002
        """All versions of an artifact, the newest first."""
        from logging_core.api import artifacts

        return artifacts.artifacts(self._server, type_name, self._named(name))

    def artifact_versions(self, type_name: str, name: str, per_page: int = 50) -> Any:
        """As `artifacts`; W&B's older name."""
        return self.artifacts(type_name, name, per_page)

    def artifact_types(self, project: str | None = None) -> Any:
        """The types of artifacts in a project."""
        from logging_core.api import artifacts

        return artifacts.artifact_types(self._server, self._in_project(project))

    def artifact_type(self, type_name: str, project: str | None = None) -> Any:
        """One type of artifacts in a project. Raises NotFoundError."""
        for each in self.artifact_types(project):
            if each.name == type_name:
                return each
        raise NotFoundError(f"{self._in_project(project)!r} has no artifacts of type {type_name!r}")

    def artifact_collections(
        self,
        project_name: str,
        type_name: str,
        per_page: int = 50,  # noqa: ARG002
    ) -> Any:
        """The artifacts of a type in a project, each with its versions."""
        from logging_core.api import artifacts

        project = self._in_project(project_name)
        return artifacts.artifact_collections(self._server, project, type_name)

    def artifact_exists(self, name: str, type: str | None = None) -> bool:
        """Whether there is such a version."""
        try:
            self.artifact(name, type)
        except (NotFoundError, UsageError):
            return False
        return True

    def artifact_collection_exists(self, name: str, type: str) -> bool:
        """Whether there is an artifact [PROJECT/]NAME of this type, of whatever version."""
        project, _, wanted = self._named(name).rpartition("/")
        found = self.artifact_collections(project, type)
        return any(each.name == wanted for each in found)

    def _named(self, name: str) -> str:
        """PROJECT/NAME of a name that may have an entity or lack a project."""
        parts = _parts(name, 3, "PROJECT/NAME:ALIAS")
        return f"{parts[-2] if len(parts) > 1 else self._in_project(None)}/{parts[-1]}"

    def _in_project(self, project: str | None) -> str:
        return (project or self._project or "uncategorized").rpartition("/")[2]


def _parts(path: str, most: int, expected: str) -> list[str]:
    parts = str(path).strip("/").split("/")
    if len(parts) > most or not all(parts):
        raise UsageError(f"{path!r}: expected {expected}")
    return parts


def _find(environ: Mapping[str, str]) -> ServerAddress | None:
    """Where the server is; this user's own is started when there is none to be found."""
    found = find_address(environ)
    if found is not None or not follower.installed():
        return found
    # A process of its own does it: nothing of the server belongs into a script's.
    code = f"import sys; sys.path.append(sys.argv[1]); {_START}"
    command = [sys.executable, "-P", "-c", code, follower.home_of_the_package()]
    try:
        subprocess.run(command, env=dict(environ), timeout=_START_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return find_address(environ)
