"""Projects, entities and users as GraphQL shows them: the source objects of their fields.

Each knows the request that it was made for, and asks the store when a field needs it. Neighbours:
users.py (their plain fields and how they are found); the modules of runs, sweeps, files and
artifacts add fields of their own to `Project`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from controller.store.keys import KeyRecord, Role
from controller.store.projects import ProjectRecord
from controller.wandb_api.context import Door


@dataclass(eq=False)
class Project:
    """One project. It need not be there: see `find_project`.

    Attributes:
        door: the request.
        key: its whole name (sweeps/project.py).
    """

    door: Door
    key: str

    @property
    def entity(self) -> str:
        return self.door.entity_and_project(self.key)[0]

    @property
    def name(self) -> str:
        return self.door.entity_and_project(self.key)[1]

    @property
    def number(self) -> int:
        """The whole number that clients know it by, beside its id."""
        digest = hashlib.sha256(f"{self.entity}/{self.name}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1  # clients send it back as GraphQL's Int

    @cached_property
    def record(self) -> ProjectRecord:
        """What the store knows of it."""
        found = self.door.store.find_project(self.key)
        return found or ProjectRecord(self.key, 0, 0.0, 0.0)


@dataclass(frozen=True)
class Entity:
    """A team: everyone with a key is a member."""

    door: Door
    name: str

    @property
    def key(self) -> str:
        """What stands before the names of its projects on record; "" for the server's own."""
        return "" if self.name == self.door.own_entity else self.name


@dataclass(frozen=True)
class OrganizationEntity(Entity):
    """The same as the organization that W&B's registries belong to: its projects are those."""


@dataclass(frozen=True)
class User:
    """Somebody with a key.

    Attributes:
        keys: theirs that are good, but for the one in the server's home.
        admin: whether one of them is an admin's.
    """

    door: Door
    name: str
    keys: tuple[KeyRecord, ...]
    admin: bool


def find_project(door: Door, entity: str | None, name: str | None) -> Project | None:
    """The project that a client reads; None when there is nothing of that name.

    The one that is meant by no name is always there: agents look for their sweep in it.
    """
    key = door.known_project(entity, name)
    return Project(door, key) if not name or door.store.project_exists(key) else None


def known_entity(door: Door, name: str | None) -> Entity:
    """The entity that a client reads: its own word, or the server's where that has nothing here.

    As with projects (`NameStore.known_project`): scripts that come from W&B name entities there.
    """
    if name and name != door.own_entity and name in door.store.entities():
        return Entity(door, name)
    return Entity(door, door.own_entity)


def entity_names(door: Door) -> list[str]:
    """The server's own first."""
    return [door.own_entity, *sorted(door.store.entities() - {""})]


def all_users(door: Door) -> list[User]:
    """Everyone with a good key, by name."""
    keys: dict[str, list[KeyRecord]] = {door.found.owner: []}
    for key in door.store.list_keys():
        if key.revoked is None:
            keys.setdefault(key.user, []).append(key)
    return [
        User(
            door,
            name,
            tuple(theirs),
            name == door.found.owner or any(key.role is Role.ADMIN for key in theirs),
        )
        for name, theirs in sorted(keys.items())
    ]
