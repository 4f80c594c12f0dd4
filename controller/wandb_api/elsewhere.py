"""What W&B's own service has and this server does not: Launch, automations, reports, custom charts.

Lists of it are empty, so that a script that only looks goes on. Who would make one is told in words
what there is instead; nothing is accepted and then forgotten. docs/wandb.md has the same list.
Neighbours: people/, whose lists of automations are as empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from controller.wandb_api.context import Info
from sweeps.errors import UsageError

_LAUNCH = (
    "W&B Launch does not run here: start `wandb agent` or `sweep agent` on the machines that are"
    " to work"
)
_AUTOMATIONS = (
    "automations are not here: run.alert() calls out, and OPENSWEEP_ALERTS says where to"
    " (Slack, mail, web hooks)"
)
_MEMBERS = "roles are those of API keys: `sweep server key create USER --role read`"

_REFUSED = {
    _LAUNCH: (
        "createRunQueue",
        "upsertRunQueue",
        "deleteRunQueues",
        "createDefaultResourceConfig",
        "pushToRunQueue",
        "pushToRunQueueByName",
        "popFromRunQueue",
        "ackRunQueueItem",
        "failRunQueueItem",
        "updateRunQueueItemWarning",
        "deleteFromRunQueue",
        "createLaunchAgent",
        "updateLaunchAgent",
        "enqueueSweepRun",
    ),
    _AUTOMATIONS: (
        "createFilterTrigger",
        "updateFilterTrigger",
        "deleteTrigger",
        "createGenericWebhookIntegration",
    ),
    _MEMBERS: (
        "createProjectMembers",
        "deleteProjectMembers",
        "updateProjectMember",
        "updateProjectTeamMember",
    ),
    "a project keeps its name here": ("renameProject",),
    "reports are not here": ("upsertView",),
    "charts of one's own are not here: log wandb.plot.… or a wandb.Table": ("createCustomChart",),
    "nobody is anonymous here: set WANDB_API_KEY (`sweep server key create USER` makes one)": (
        "createAnonymousEntity",
    ),
}


def _refusal(why: str) -> Callable[..., NoReturn]:
    def refuse(_root: Any, _info: Info, **_: Any) -> NoReturn:
        raise UsageError(why)

    return refuse


def _none(_source: Any, _info: Info, **_: Any) -> None:
    return None


def _empty_list(_source: Any, _info: Info) -> list[Any]:
    return []


def _empty(_source: Any, _info: Info, **_: Any) -> dict[str, Any]:
    page = {"hasNextPage": False, "hasPreviousPage": False, "endCursor": None}
    return {"edges": [], "pageInfo": page, "totalCount": 0}


RESOLVERS: dict[str, Callable[..., Any]] = {
    "Query.launchAgent": _none,
    "Query.view": _none,
    "Project.allViews": _empty,
    "Project.runQueue": _none,
    "Project.runQueues": _empty_list,
    "Entity.defaultResourceConfig": _none,
    **{f"Mutation.{name}": _refusal(why) for why, names in _REFUSED.items() for name in names},
}
