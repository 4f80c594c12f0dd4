"""Keys of a sweep file that belong to W&B's own service: checked, then refused or warned about.

Neighbour: `sweeps.spec`, which reads all others.
"""

from __future__ import annotations

from enum import StrEnum

from sweeps.section import Section


def read_foreign(root: Section) -> list[str]:
    """Warnings about those that are there. Raises SpecError."""
    warnings = []
    if "kind" in root and root.text("kind") != "sweep":
        raise root.error(f"must be `sweep`, not {root.data['kind']!r}.", "kind")
    if "apiVersion" in root:
        root.text("apiVersion")
    if "controller" in root:
        controller = root.section("controller")
        controller.only(["type"], "controller")
        controller.choice("type", _Controller)
    if "scheduler" in root:
        engine = root.section("scheduler").text("engine")
        if engine != "wandb":
            raise root.error(
                f"schedulers of one's own ({engine}) are not run here.",
                "scheduler",
                hint="Remove `scheduler`, and take `method: bayes`.",
            )
        warnings.append("scheduler: ignored; the search runs in the opensweep server.")
    warnings += [
        f"{key}: ignored; agents run `program` or `command`, not W&B Launch jobs."
        for key in ("job", "image_uri")
        if key in root and root.text(key)
    ]
    return warnings


class _Controller(StrEnum):
    """Where W&B would run the search; here it always runs in one's own server."""

    LOCAL = "local"
    CLOUD = "cloud"
