"""A sweep file, checked and frozen: YAML text -> SweepSpec.

The file is W&B's (https://docs.wandb.ai/models/sweeps/sweep-config-keys), whole, and means here
what it means there. Added: `seed`, `enqueue`, `retry`, and three types of `early_terminate`.

Pure: opens no file, asks nothing of the machine. A SweepSpec that exists can be run; all that is
wrong is a SpecError first, with key path and line. Neighbours: `yaml_lines` (text to values),
`section` (one mapping, key by key), `parameters` (the space), `early` (early_terminate).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sweeps.constraints import check_compared, read_constraints
from sweeps.early import EarlyTerminate, read_early_terminate
from sweeps.errors import SpecError
from sweeps.feasibility import check_constraints, read_enqueue, read_grid
from sweeps.foreign import read_foreign
from sweeps.metrics import Goal, Impute, Measure, Metric, read_metrics
from sweeps.parameters import read_space
from sweeps.retry import LOST_LIMIT, Ending, Retry
from sweeps.search_section import Algorithm, Search, check_optuna, read_search
from sweeps.section import Origin, Section, kind, plain
from sweeps.space import Space
from sweeps.yaml_lines import KeyPath, parse

__all__ = [
    "DEFAULT_COMMAND",
    "EarlyTerminate",
    "Goal",
    "Impute",
    "Measure",
    "Method",
    "Metric",
    "Retry",
    "SweepSpec",
    "check_runnable",
    "load_spec",
    "spec_from_mapping",
]

DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
LARGEST_SEED = 2**63 - 1


class Method(StrEnum):
    """How configs are chosen. grid: each one once. random: drawn. bayes: by what was learnt."""

    GRID = "grid"
    RANDOM = "random"
    BAYES = "bayes"


@dataclass(frozen=True)
class SweepSpec:
    """A checked sweep file.

    Attributes:
        method: how configs are chosen.
        parameters: the space that they are chosen from.
        metric: what is optimised; never None with bayes or early termination.
        metrics: further objectives and limits, in the file's order.
        program: the training script, as the file names it.
        command: the argv of a trial, macros unexpanded.
        name, description, project, entity: for people; None when not given.
        early_terminate: the stopping rule; None: trials run to their end.
        run_cap: how many trials there are at most; None: no cap.
        seed: of the search; None: whoever records the sweep draws one.
        enqueue: configs to try first, full or partial (the search fills in the rest).
        search: by which algorithm bayes searches; None: by its own choice.
        prior: ids of sweeps, and CSV files (paths that end in .csv, as the file names them),
            whose results the search begins with; resolved when the sweep is created.
        retry: when a trial is queued again.
        provide_wandb: trials get a module `wandb` that is ours (`provide_wandb: true`).
        warnings: what is accepted but not quite right, for the user to read.
        notes: what came of it when the sweep was created, and is worth knowing.
        source: the file's mapping, plain JSON; `spec_from_mapping(spec.source) == spec`.
        origin: the file's name and where its keys stand, as far as known; for messages.
    """

    method: Method
    parameters: Space
    metric: Metric | None
    metrics: tuple[Measure, ...]
    program: str | None
    command: tuple[str, ...]
    name: str | None
    description: str | None
    project: str | None
    entity: str | None
    early_terminate: EarlyTerminate | None
    run_cap: int | None
    seed: int | None
    enqueue: tuple[Mapping[str, Any], ...]
    search: Search | None
    prior: tuple[str, ...]
    retry: Retry
    provide_wandb: bool
    warnings: tuple[str, ...] = field(compare=False)
    source: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    origin: Origin = field(default=Origin(), compare=False, repr=False)

    def error(self, problem: str, *at: str | int, hint: str | None = None) -> SpecError:
        """A complaint about what stands `at` a place in the file, to be raised."""
        return self.origin.error(problem, at, hint)


_KEYS = (
    "apiVersion", "command", "constraints", "controller", "description", "early_terminate",
    "enqueue", "entity", "image_uri", "job", "kind", "method", "metric", "metrics", "name",
    "parameters", "prior", "program", "project", "provide_wandb", "retry", "run_cap", "scheduler",
    "search", "seed",
)  # fmt: skip


def load_spec(
    text: str, *, path: str | None = None, runnable: bool = True, searched_here: bool = False
) -> SweepSpec:
    """The spec of a sweep file that is to be run.

    Args:
        text: the YAML.
        path: the file's name, for messages.
        runnable: whether it must say what an agent is to start; see `check_runnable`.
        searched_here: whether the search will run in this environment: then the Optuna that is
            installed here must have the sampler and the pruner that the file names.

    Raises:
        SpecError: with file, line and key path. Also when there is nothing to run.
    """
    data, lines = parse(text, path=path)
    if data is None:
        raise SpecError(
            "the file is empty.",
            path=path,
            hint="A sweep file has at least `program`, `method` and `parameters`.",
        )
    if not isinstance(data, dict):
        raise SpecError(
            f"a sweep file must be a mapping of keys to values, not {kind(data)}.",
            path=path,
            line=1,
            hint="Begin with `program: train.py`, `method: random`, `parameters: …`.",
        )
    spec = spec_from_mapping(data, path=path, lines=lines)
    check_values(spec)
    if runnable:
        check_runnable(spec, path=path, lines=lines)
    if searched_here:
        check_optuna(spec, Section(spec.source, Origin(path, lines)))
    return spec


def check_values(spec: SweepSpec) -> None:
    """Raises SpecError where constraints name values that their parameters never have.

    Asked of a file that is new: what is on record stays as it was taken in.
    """
    known = {each.name: each.distribution for each in spec.parameters.parameters}
    root = Section(spec.source, spec.origin)
    check_compared(root, "constraints", spec.parameters.constraints, known)


def check_runnable(
    spec: SweepSpec, *, path: str | None = None, lines: Mapping[KeyPath, int] | None = None
) -> None:
    """Raises SpecError unless the spec says what an agent is to start.

    (A sweep whose trials are functions, started from Python, needs neither program nor command.)
    """
    root = Section(spec.source, Origin(path, lines or {}))
    if spec.program is not None:
        return
    if "job" in root or "image_uri" in root:
        key = "job" if "job" in root else "image_uri"
        raise root.error(
            "W&B Launch jobs and images are not run here.",
            key,
            hint="Name the training script instead: `program: train.py`.",
        )
    if "command" not in root:
        raise root.error(
            "there is nothing to run.",
            hint="Name the training script: `program: train.py`, or give a whole `command`.",
        )
    for i, word in enumerate(spec.command):
        if "${program}" in word:
            raise root.error(
                "${program} stands here, but there is no `program`.",
                "command",
                i,
                hint="Name the training script: `program: train.py`.",
            )


def spec_from_mapping(
    data: Mapping[str, Any],
    *,
    path: str | None = None,
    lines: Mapping[KeyPath, int] | None = None,
) -> SweepSpec:
    """The spec of a mapping that is a sweep file's, wherever it came from.

    Args:
        data: JSON-like values; copied.
        path: a file's name, for messages.
        lines: the line of each key path, for messages.

    Raises:
        SpecError: with key path, and file and line where known. A missing program is not
            looked at here, see `check_runnable`.
    """
    origin = Origin(path, lines or {})
    if not isinstance(data, Mapping):
        raise SpecError(
            f"a sweep must be a mapping of keys to values, not {kind(data)}.", path=path
        )
    source = plain(data, origin)
    root = Section(source, origin)
    root.only(_KEYS, "a sweep file")
    warnings = read_foreign(root)
    method = _read_method(root)
    if "parameters" not in root:
        raise root.error("is missing.", "parameters", hint="Name at least one parameter.")
    space, deprecated = read_space(root.section("parameters"))
    space = _read_constraints(root, space)
    grid = read_grid(root, space) if method is Method.GRID else None
    check_constraints(root, space, grid)
    metric, metrics = read_metrics(root)
    early = None
    # Files in the wild write null for "none" here, and mean it.
    absent = [key for key in ("early_terminate", "run_cap") if root.data.get(key, "") is None]
    warnings += [f"{key}: is empty, and so as if it were not there." for key in absent]
    if "early_terminate" in root and "early_terminate" not in absent:
        early, ignored = read_early_terminate(root.section("early_terminate"))
        warnings += ignored
    for key in ("method", "early_terminate"):
        if metric is None and (early if key == "early_terminate" else method is Method.BAYES):
            raise root.error(
                "needs a `metric`.", key, hint="Add `metric: {name: loss, goal: minimize}`."
            )
    return SweepSpec(
        method=method,
        parameters=space,
        metric=metric,
        metrics=metrics,
        program=root.optional_text("program"),
        command=_read_command(root),
        name=root.optional_text("name"),
        description=root.optional_text("description"),
        project=root.optional_text("project"),
        entity=root.optional_text("entity"),
        early_terminate=early,
        run_cap=None if root.data.get("run_cap") is None else root.whole("run_cap", at_least=1),
        seed=_read_seed(root),
        enqueue=read_enqueue(root, space, grid),
        search=_read_search(root, method, metrics),
        prior=_read_prior(root),
        retry=_read_retry(root.section("retry")) if "retry" in root else Retry(),
        provide_wandb="provide_wandb" in root and root.flag("provide_wandb"),
        warnings=(*warnings, *deprecated),
        source=source,
        origin=origin,
    )


def _read_constraints(root: Section, space: Space) -> Space:
    if "constraints" not in root:
        return space
    known = {each.name: each.distribution.binary for each in space.parameters}
    return replace(space, constraints=tuple(read_constraints(root, "constraints", known)))


def _read_method(root: Section) -> Method:
    if "method" not in root:
        raise root.error("is missing.", "method", hint="Add `method: bayes`, `random` or `grid`.")
    if root.data["method"] == "custom":
        raise root.error(
            "`custom` leaves the search to a script of one's own, which is not run here.",
            "method",
            hint="Take `bayes`, `random` or `grid`.",
        )
    return root.choice("method", Method)


def _read_command(root: Section) -> tuple[str, ...]:
    if "command" not in root:
        return DEFAULT_COMMAND
    words = root.data["command"]
    if not isinstance(words, list) or not words:
        raise root.error(
            f"must be a list of words, not {kind(words) if words != [] else 'an empty one'}.",
            "command",
            hint="Write one word per entry: [python, ${program}, ${args}].",
        )
    for i, word in enumerate(words):
        if not isinstance(word, (str, int, float)):
            raise root.error(f"must be a text, not {kind(word)}.", "command", i)
        if "\0" in str(word):
            raise root.error("holds a null character.", "command", i)
    return tuple(str(word) for word in words)


def _read_seed(root: Section) -> int | None:
    if "seed" not in root:
        return None
    seed = root.whole("seed", at_least=0)
    if seed > LARGEST_SEED:
        raise root.error(f"must be at most {LARGEST_SEED}.", "seed")
    return seed


def _read_search(root: Section, method: Method, metrics: Sequence[Measure]) -> Search | None:
    if "search" not in root:
        return None
    if method is not Method.BAYES:
        raise root.error(
            f"says how bayes searches, and the method is {method}.",
            "search",
            hint="Write `method: bayes`, or remove `search`.",
        )
    search = read_search(root.section("search"))
    if search.type is Algorithm.PBT and root.data.get("early_terminate") is not None:
        raise root.error(
            "does not go with `search: {type: pbt}`, which drops members by itself.",
            "early_terminate",
            hint="Remove it; `interval` in `search` says how long a segment is.",
        )
    further = [each.name for each in metrics if each.goal is not None]
    if search.type is Algorithm.PBT and further:
        place = [each.get("name") for each in root.entries("metrics")].index(further[0])
        raise root.error(
            "is a further objective, and `search: {type: pbt}` compares its members by one.",
            "metrics",
            place,
            hint="Give it limits (`at_most`, `at_least`) instead of a `goal`, or leave `search` "
            "out: then bayes looks for all trade-offs.",
        )
    return search


def _read_prior(root: Section) -> tuple[str, ...]:
    """One id or path, or a list of them."""
    if "prior" not in root:
        return ()
    if not isinstance(root.data["prior"], list):
        return (root.text("prior"),)
    entries = root.entries("prior")
    for i, entry in enumerate(entries):
        if not isinstance(entry, str) or not entry.strip():
            raise root.error(
                f"must be the id of a sweep or the path of a CSV file, not {kind(entry)}.",
                "prior",
                i,
            )
    return tuple(entries)


def _read_retry(section: Section) -> Retry:
    """`max` alone retries crashes too; `on` alone says which endings, crashes needing `max`."""
    section.only(("lost", "max", "on"), "retry")
    most = section.whole("max", at_least=0) if "max" in section else 0
    lost = section.whole("lost", at_least=0) if "lost" in section else LOST_LIMIT
    if "on" not in section:
        return Retry(most, frozenset(Ending), lost) if most else Retry(lost=lost)
    on = section.choices("on", Ending)
    if Ending.CRASH in on and not most:
        raise section.error(
            "crashes are to be retried, but not how often.", "on", hint="Add `max: 1`, say."
        )
    if Ending.LOST not in on and "lost" in section:
        raise section.error(
            "it is said how many lost attempts are retried, but `on` does not name them.",
            "lost",
            hint="Add `lost` to `on`, or leave one of the two out.",
        )
    return Retry(most, on, lost)
