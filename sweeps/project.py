"""The names of projects. Pure.

A server has an entity of its own (somebody's or a lab's name, as W&B has them); other entities are
teams that come into being by their first use. On record a project is one string, its **whole
name**: `project` in the server's own entity, `entity/project` in another one. Neither part holds a
slash. Neighbours: controller/wandb_api (which gives and takes entities), the store (which keeps
whole names).
"""

from __future__ import annotations

OWN_ENTITY = "opensweep"
"""The server's own entity, unless OPENSWEEP_ENTITY names it."""

NO_PROJECT = "uncategorized"
"""What the runs of no project are listed under, as W&B does."""


def whole_name(project: str | None, entity: str | None = None, *, own: str = OWN_ENTITY) -> str:
    """A project's name on record; "" for none at all.

    Args:
        project: its name; None or "": none was given, which in another entity is NO_PROJECT.
        entity: whose; None or "": the server's own.
        own: the server's own entity.
    """
    if not entity or entity == own:
        return project or ""
    return f"{entity}/{project or NO_PROJECT}"


def entity_and_project(whole: str, *, own: str = OWN_ENTITY) -> tuple[str, str]:
    """(entity, project) of a whole name."""
    entity, _, project = whole.rpartition("/")
    return entity or own, project or NO_PROJECT
