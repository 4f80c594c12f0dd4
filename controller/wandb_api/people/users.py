"""Users, entities, projects as such, and what the server says of itself.

An entity is a team that is there by its first use; whoever has a key is a member of each. Users are
those for whom keys were made. Neighbours: entities.py (the objects), controller/store/keys.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from controller.store.keys import Role
from controller.wandb_api.artifacts.registry import registries
from controller.wandb_api.context import Door, Info, door
from controller.wandb_api.ids import global_id, parse_id
from controller.wandb_api.paging import paged
from controller.wandb_api.people.entities import (
    Entity,
    OrganizationEntity,
    Project,
    User,
    all_users,
    entity_names,
    find_project,
    known_entity,
)
from controller.wandb_api.people.features import CLIENT_VERSIONS, FEATURES
from sweeps.errors import UsageError

_NAME = re.compile(r"[^/\\#?%:\x00-\x1f]{1,128}")
_PLAIN_INPUT = {"id", "name", "entityName", "description", "access", "clientMutationId"}


# -- users ---------------------------------------------------------------------------------------


def viewer(_root: Any, info: Info) -> User:
    here = door(info)
    me = here.caller
    keys = tuple(
        key for key in here.store.list_keys() if key.user == me.user and key.revoked is None
    )
    return User(here, me.user, keys, me.role is Role.ADMIN)


def users(
    _root: Any,
    info: Info,
    query: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    """Those in whose names `query` is; one that it names wholly comes first."""
    wanted = (query or "").casefold()
    found = [each for each in all_users(door(info)) if wanted in each.name.casefold()]
    found.sort(key=lambda each: each.name.casefold() != wanted)
    return paged(found, first, after)


def user(_root: Any, info: Info, userName: str | None = None, id: str | None = None) -> User | None:
    name = parse_id(id, "User") if id else userName
    return next((each for each in all_users(door(info)) if each.name == name), None)


def api_keys(source: User, info: Info) -> dict[str, Any]:
    """Theirs, for themselves and for admins; named by how they begin."""
    me = door(info).caller
    shown = source.keys if me.user == source.name or me.role is Role.ADMIN else ()
    return _edges(
        [
            {
                "id": global_id("ApiKey", key.id),
                "name": key.prefix,
                "description": key.description,
                "createdAt": key.created,
                "lastUsed": key.last_used,
            }
            for key in shown
        ]
    )


def teams(source: User, info: Info) -> dict[str, Any]:
    here = door(info)
    return _edges([Entity(here, name) for name in entity_names(here)])


def not_here(_root: Any, _info: Info, input: dict[str, Any]) -> None:
    raise UsageError(
        "this server has no accounts and no invitations: whoever has an API key is a member of "
        "every team. An admin makes keys with `sweep server key create USER`."
    )


# -- entities --------------------------------------------------------------------------------------


def entity(_root: Any, info: Info, name: str | None = None) -> Entity:
    here = door(info)
    return Entity(here, name or here.own_entity)


def available(source: Entity, info: Info) -> bool:
    """Whether the name is still free: nothing is recorded under it."""
    return source.name not in entity_names(door(info))


def members(_source: Any, info: Info) -> list[dict[str, Any]]:
    return [
        {
            "id": global_id("User", each.name),
            "name": each.name,
            "username": each.name,
            "email": _email(each),
            "admin": each.admin,
            "pending": False,
            "accountType": "MEMBER",
            "role": _role(each),
        }
        for each in all_users(door(info))
    ]


def members_of_project(_source: Project, info: Info) -> list[dict[str, Any]]:
    return [{**each, "role": {"name": each["role"]}} for each in members(None, info)]


def create_team(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """Nothing has to be made: see `Entity`."""
    return {"entity": Entity(door(info), _checked("teamName", input.get("teamName")))}


def organization(_root: Any, info: Info, name: str | None = None) -> Entity:
    """There is one, whatever a script calls it: that of the server's own entity."""
    here = door(info)
    return Entity(here, here.own_entity)


def own_organization(_source: Any, info: Info) -> Entity:
    return organization(None, info)


# -- projects --------------------------------------------------------------------------------------


def project(
    _root: Any,
    info: Info,
    name: str | None = None,
    entityName: str | None = None,
    id: str | None = None,
) -> Project | None:
    here = door(info)
    if id:
        key = parse_id(id, "Project")
        return Project(here, key) if here.store.project_exists(key) else None
    return find_project(here, entityName, name)


def project_of_entity(source: Entity, info: Info, name: str | None = None) -> Project | None:
    return find_project(door(info), source.name, name)


def models(
    _root: Any,
    info: Info,
    entityName: str | None = None,
    first: int | None = None,
    after: str | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Those of an entity, the newest first."""
    return _projects(door(info), known_entity(door(info), entityName), first, after)


def projects_of_entity(
    source: Entity,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    filters: Any = None,
    **_: Any,
) -> dict[str, Any]:
    if isinstance(source, OrganizationEntity):
        return paged(registries(source, filters), first, after)
    return _projects(door(info), source, first, after)


def projects_of_user(
    _source: User, info: Info, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    return models(None, info, None, first, after)


def _projects(here: Door, owner: Entity, first: int | None, after: str | None) -> dict[str, Any]:
    records = sorted(here.store.projects(owner.key), key=lambda each: -each.created)
    found = []
    for record in records:
        node = Project(here, record.name)
        node.record = record
        found.append(node)
    return paged(found, first, after)


def upsert_model(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """Makes a project, or changes what is said of one."""
    here = door(info)
    if input.get("id"):
        key = parse_id(str(input["id"]), "Project")
    else:
        name = _checked("name", input.get("name"))
        owner = input.get("entityName")
        key = here.project(_checked("entityName", owner) if owner else None, name)
    known = here.store.project_exists(key)
    settings = {name: value for name, value in input.items() if name not in _PLAIN_INPUT}
    here.store.describe_project(
        key,
        here.caller.user,
        description=input.get("description"),
        access=input.get("access"),
        settings={name: value for name, value in settings.items() if value is not None},
    )
    made = Project(here, key)
    return {"project": made, "model": made, "inserted": not known}


def delete_model(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    here = door(info)
    return {"success": here.store.delete_project(parse_id(str(input.get("id")), "Project"))}


def user_of_project(source: Project, info: Info) -> User | None:
    """Who made it by itself; the makers of its runs are theirs."""
    name = source.record.user
    return next((each for each in all_users(door(info)) if each.name == name), None)


# -- the server ------------------------------------------------------------------------------------


def server_info(_root: Any, _info: Info) -> dict[str, Any]:
    return {
        "cliVersionInfo": CLIENT_VERSIONS,
        "features": [{"name": name, "isEnabled": True} for name in FEATURES],
    }


# -- small parts -----------------------------------------------------------------------------------


def _checked(what: str, name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name != name.strip():
        raise UsageError(
            f"{what}: {name!r} is no name: expected 1 to 128 characters, none of / \\ # ? % :"
        )
    return name


def _edges(nodes: Sequence[Any]) -> dict[str, Any]:
    return {"edges": [{"node": node} for node in nodes]}


def _email(source: User) -> str | None:
    return source.name if "@" in source.name else None


def _role(source: User) -> str:
    return "admin" if source.admin else "member"


def _value(value: Any) -> Callable[..., Any]:
    """A field that is the same for all."""
    return lambda _source, _info, **_: value


def _none(_source: Any, _info: Info, **_: Any) -> dict[str, Any]:
    """There are no automations and no integrations here."""
    return paged([], None, None)


RESOLVERS: dict[str, Callable[..., Any]] = {
    "Query.viewer": viewer,
    "Query.user": user,
    "Query.users": users,
    "Query.entity": entity,
    "Query.organization": organization,
    "Query.project": project,
    "Query.model": project,
    "Query.models": models,
    "Query.projects": models,
    "Query.serverInfo": server_info,
    "Mutation.upsertModel": upsert_model,
    "Mutation.upsertProject": upsert_model,
    "Mutation.createProject": upsert_model,
    "Mutation.deleteModel": delete_model,
    "Mutation.deleteProject": delete_model,
    "Mutation.createTeam": create_team,
    "Mutation.generateApiKey": not_here,
    "Mutation.deleteApiKey": not_here,
    "Mutation.createUser": not_here,
    "Mutation.createServiceAccount": not_here,
    "Mutation.createInvite": not_here,
    "Mutation.deleteInvite": not_here,
    "User.id": lambda source, _: global_id("User", source.name),
    "User.username": lambda source, _: source.name,
    "User.email": lambda source, _: _email(source),
    "User.entity": lambda source, _: source.door.own_entity,
    "User.defaultEntity": own_organization,
    "User.flags": _value("{}"),
    "User.accountType": _value("MEMBER"),
    "User.apiKeys": api_keys,
    "User.teams": teams,
    "User.organizations": lambda source, info: [own_organization(source, info)],
    "User.projects": projects_of_user,
    "Entity.id": lambda source, _: global_id("Entity", source.name),
    "Entity.available": available,
    "Entity.readOnly": _value(False),
    "Entity.readOnlyAdmin": _value(False),
    "Entity.isTeam": _value(True),
    "Entity.entityType": lambda source, _: (
        "organization" if isinstance(source, OrganizationEntity) else "team"
    ),
    "Entity.privateOnly": _value(True),
    "Entity.storageBytes": lambda source, _: source.door.store.stored_bytes(),
    "Entity.codeSavingEnabled": _value(True),
    "Entity.defaultAccess": _value("PRIVATE"),
    "Entity.isPaid": _value(False),
    "Entity.limits": _value("{}"),
    "Entity.xxhashDigestsEnabled": _value(False),
    "Entity.integrations": _none,
    "Entity.triggers": _none,
    "Entity.members": members,
    "Entity.organization": own_organization,
    "Entity.project": project_of_entity,
    "Entity.projects": projects_of_entity,
    "Organization.id": lambda source, _: global_id("Organization", source.name),
    "Organization.orgEntity": lambda source, _: OrganizationEntity(source.door, source.name),
    "Organization.members": members,
    "Organization.featureFlags": _value([]),
    "Organization.triggers": _none,
    "Project.id": lambda source, _: global_id("Project", source.key),
    "Project.internalId": lambda source, _: global_id("ProjectInternalId", str(source.number)),
    "Project.entityName": lambda source, _: source.entity,
    "Project.entity": lambda source, info: Entity(door(info), source.entity),
    "Project.createdAt": lambda source, _: source.record.created,
    "Project.updatedAt": lambda source, _: source.record.updated,
    "Project.lastActive": lambda source, _: source.record.updated,
    "Project.description": lambda source, _: source.record.description or None,
    "Project.access": lambda source, _: source.record.access or "PRIVATE",
    "Project.views": lambda source, _: source.record.settings.get("views"),
    "Project.isBenchmark": _value(False),
    "Project.readOnly": lambda source, _: not source.door.caller.role.includes(Role.WRITE),
    "Project.repo": lambda source, _: source.record.settings.get("repo"),
    "Project.dockerImage": lambda source, _: source.record.settings.get("dockerImage"),
    "Project.user": user_of_project,
    "Project.members": members_of_project,
    "Project.teamMembers": _value([]),
    "Project.triggers": _value([]),
}
