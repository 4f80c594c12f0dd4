"""What resolvers work with: the server's services, who asks, and by which address.

Neighbours: graphql.py (hands a Door to every resolver as `info.context`), routes.py (makes it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controller.server.keyring import Caller
from controller.server.services import Services
from controller.store.store import Store
from sweeps.errors import OpensweepError, UsageError
from sweeps.project import entity_and_project, whole_name

Info = Any
"""graphql-core's GraphQLResolveInfo: not imported for its name alone."""


class HttpStatus(OpensweepError):
    """An answer that the client reads from the status of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class AskAgain(OpensweepError):
    """There is no answer yet: the request is to be worked on again a little later, and no thread
    waits meanwhile. A resolver may say so while `Door.asked` is small enough to it."""

    def __init__(self, after_s: float) -> None:
        super().__init__("there is no answer yet: ask again")
        self.after_s = after_s


@dataclass(frozen=True)
class Door:
    """One request.

    Attributes:
        found: the server's services.
        caller: who asks.
        base_url: the server's address as the client reached it, without a slash at its end.
        asked: how often this request was worked on before (`AskAgain`).
        client: in shared mode, which of several processes of a run asks (writers.py); "" else.
    """

    found: Services
    caller: Caller
    base_url: str
    asked: int = 0
    client: str = ""

    @property
    def store(self) -> Store:
        return self.found.store

    @property
    def own_entity(self) -> str:
        return self.found.entity

    def project(self, entity: str | None, project: str | None) -> str:
        """The whole name of a project that is written to (sweeps/project.py). Raises UsageError
        for names that are no text: they come from clients as they are."""
        for what, given in (("entity", entity), ("project", project)):
            if not isinstance(given, str | None):
                raise UsageError(f"{what}: expected text")
        return whole_name(project, entity, own=self.own_entity)

    def known_project(self, entity: str | None, project: str | None) -> str:
        """The whole name of a project that is read: see `NameStore.known_project`."""
        return self.store.known_project(self.project(entity, project), own=self.own_entity)

    def entity_and_project(self, whole: str) -> tuple[str, str]:
        """(entity, project) of a whole name, as the client writes them."""
        return entity_and_project(whole, own=self.own_entity)

    def url(self, path: str) -> str:
        """The address of a path of this server, as this client reaches it."""
        return self.base_url + path


def door(info: Info) -> Door:
    """The request that a resolver works for."""
    found = info.context
    assert isinstance(found, Door)  # noqa: S101
    return found
