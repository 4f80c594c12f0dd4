"""The tables of the part on whole trials.

    regret   of the trial that the method names as best, by its true value; 0: the best known, 1:
             the median of random configs. Median over tasks and seeds after so many trials
    geometric  its geometric mean, regrets below 0.0001 counting 0.0001
    rank     mean over tasks and seeds, among the methods of the table, ties sharing
    ms       the method's own processor time for a trial, median of trials 40 to 60

In brackets the interval of `statistics`. Only tasks that every method has been run on count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy

from benchmarks.search.methods import OURS, TRIALS
from benchmarks.search.plot import svg
from benchmarks.search.results import Record, Run
from benchmarks.search.statistics import Array, estimate, geometric_mean, mean, median, ranks
from benchmarks.search.tables import markdown, shown
from benchmarks.search.tasks import FAMILIES, references

FLOOR = 1e-4
PICTURED = 200  # bootstrap samples of a point
Regrets = dict[str, dict[str, dict[int, Array]]]
"""method -> task -> seed -> regret after each trial."""


def tables(runs: Mapping[Run, Record], families: Mapping[str, str], size: int) -> str:
    """Over all tasks, over each family, and our method against each other one.

    Args:
        families: task -> its family.
        size: trials of a run.
    """
    regrets = regrets_of(runs, "named")
    if not regrets:
        return "nothing was measured yet\n"
    marks = [mark for mark in (25, 50, 100) if mark <= size] or [size]
    parts = []
    for family in ("", *FAMILIES):
        tasks = [task for task in families if family in ("", families[task])]
        tasks = [task for task in tasks if all(task in known for known in regrets.values())]
        if tasks:
            title = f"{family or 'all'}: {len(tasks)} tasks"
            head, rows = _summary(regrets, tasks, marks, runs)
            parts.append(f"{title}\n\n{markdown(head, rows)}")
    if OURS in regrets and len(regrets) > 1:
        parts.append(_against(regrets, families, marks))
    noisy = [task for task, family in families.items() if family == "noisy"]
    if any(task in known for known in regrets.values() for task in noisy):
        parts.append(_named(runs, noisy, marks))
    return "\n".join(parts)


def missed(runs: Mapping[Run, Record], families: Mapping[str, str], size: int) -> list[str]:
    """Which of the aims ours is short of, in words: first by mean rank after 25, 50 and 100 trials;
    in no family behind GPSampler by more than the interval; after 50 trials as far as GPSampler
    after 75; under noise better than random."""
    regrets = regrets_of(runs, "named")
    tasks = [task for task in families if all(task in known for known in regrets.values())]
    marks = [mark for mark in (25, 50, 100) if mark <= size]
    if not tasks or OURS not in regrets:
        return []
    short = []
    for mark in marks:
        placed = {
            name: estimate(each, mean).value for name, each in _ranks(regrets, tasks, mark).items()
        }
        first = min(placed, key=lambda name: placed[name])
        if placed[first] < placed[OURS]:
            short.append(f"{first} is ahead of ours in mean rank after {mark} trials")
    if "gpsampler" in regrets:
        short += _behind(regrets, tasks, families, marks)
        if size >= 75:
            ours = estimate(_at(regrets[OURS], tasks, 50), median).value
            theirs = estimate(_at(regrets["gpsampler"], tasks, 75), median).value
            if ours > theirs:
                short.append(
                    f"median regret {ours:.2g} after 50, gpsampler's after 75 {theirs:.2g}"
                )
    noisy = [task for task in tasks if families[task] == "noisy"]
    if noisy and "random" in regrets:
        for mark in marks:
            means = [estimate(_at(regrets[n], noisy, mark), mean).value for n in (OURS, "random")]
            if means[0] > means[1]:
                short.append(f"random is ahead of ours under noise after {mark} trials")
    return short


def _behind(
    regrets: Regrets, tasks: Sequence[str], families: Mapping[str, str], marks: Sequence[int]
) -> list[str]:
    short = []
    for family in FAMILIES:
        chosen = [task for task in tasks if families[task] == family]
        for mark in marks if chosen else ():
            pairs = [_ratios(regrets[OURS][t], regrets["gpsampler"][t], mark) for t in chosen]
            pairs = [each for each in pairs if len(each)]
            if pairs and estimate(pairs, geometric_mean).low > 1.0:
                short.append(f"gpsampler is ahead of ours on {family} after {mark} trials")
    return short


def picture(runs: Mapping[Run, Record], size: int, workers: int) -> str | None:
    """Geometric mean regret over trials, all shared tasks, as SVG; None: nothing is shared."""
    regrets = {name: known for name, known in regrets_of(runs, "named").items() if known}
    shared = set.intersection(*(set(known) for known in regrets.values())) if regrets else set()
    if not shared:
        return None
    tasks = sorted(shared)
    marks = sorted({*range(1, size + 1, max(1, size // 24)), size})
    lines = {}
    for name, known in regrets.items():
        line = []
        for mark in marks:
            raised = [numpy.maximum(each, FLOOR) for each in _at(known, tasks, mark)]
            line.append((float(mark), estimate(raised, geometric_mean, PICTURED)))
        lines[TRIALS[name].title if name in TRIALS else name] = line
    title = f"Regret over {len(tasks)} tasks, {workers} at a time (geometric mean, 95 %)"
    return svg(lines, title=title, across="trials", up="regret")


def regrets_of(runs: Mapping[Run, Record], which: str) -> Regrets:
    """`which`: "named" or "observed", see engine.Trials."""
    found: Regrets = {}
    order = [name for name in TRIALS if any(run.method == name for run in runs)]
    for name in [*order, *(run.method for run in runs if run.method not in TRIALS)]:
        found.setdefault(name, {})
    for run, record in runs.items():
        reference = references().get(run.task)
        if reference is None:
            continue
        values = numpy.array([reference.regret(value) for value in record[which]])
        found[run.method].setdefault(run.task, {})[run.seed] = values
    return found


def _at(regrets: Mapping[str, Mapping[int, Array]], tasks: Sequence[str], mark: int) -> list[Array]:
    """A task's regrets over seeds, after `mark` trials."""
    return [numpy.array([r[mark - 1] for r in regrets[task].values()]) for task in tasks]


def _summary(
    regrets: Regrets, tasks: Sequence[str], marks: Sequence[int], runs: Mapping[Run, Record]
) -> tuple[list[str], list[list[str]]]:
    head = ["method", "runs"]
    for what in ("regret", "geometric", "rank"):
        head += [f"{what} {mark}" for mark in marks]
    placed = {mark: _ranks(regrets, tasks, mark) for mark in marks}
    rows = []
    for name, known in regrets.items():
        cells = [_title(name), str(sum(len(known[task]) for task in tasks))]
        values = {mark: _at(known, tasks, mark) for mark in marks}
        cells += [shown(estimate(values[mark], median), ".2g") for mark in marks]
        for mark in marks:
            raised = [numpy.maximum(each, FLOOR) for each in values[mark]]
            cells.append(shown(estimate(raised, geometric_mean), ".2g"))
        cells += [
            shown(estimate(placed[mark][name], mean), ".2f") if placed[mark][name] else "–"
            for mark in marks
        ]
        rows.append([*cells, _milliseconds(name, tasks, runs)])
    return [*head, "ms"], rows


def _title(name: str) -> str:
    title = TRIALS[name].title if name in TRIALS else name
    return f"**{title}**" if name == OURS else title


def _ranks(regrets: Regrets, tasks: Sequence[str], mark: int) -> dict[str, list[Array]]:
    """method -> for each task its ranks over the seeds that all methods have."""
    found: dict[str, list[Array]] = {name: [] for name in regrets}
    for task in tasks:
        seeds = set.intersection(*(set(known[task]) for known in regrets.values()))
        placed = [
            ranks({name: float(known[task][seed][mark - 1]) for name, known in regrets.items()})
            for seed in sorted(seeds)
        ]
        for name in regrets if placed else ():
            found[name].append(numpy.array([each[name] for each in placed]))
    return found


def _against(regrets: Regrets, families: Mapping[str, str], marks: Sequence[int]) -> str:
    """Our geometric mean regret as a share of another's: below 1 is better."""
    head = ["ours / …", "family", "tasks", *map(str, marks)]
    rows = []
    for name, known in regrets.items():
        for family in ("", *FAMILIES):
            if name == OURS:
                continue
            tasks = [
                task
                for task, its in families.items()
                if family in ("", its)
                and set(known.get(task, ())) & set(regrets[OURS].get(task, ()))
            ]
            if not tasks:
                continue
            shares = {
                mark: [_ratios(regrets[OURS][task], known[task], mark) for task in tasks]
                for mark in marks
            }
            cells = [shown(estimate(shares[mark], geometric_mean), ".2g") for mark in marks]
            rows.append([_title(name), family or "all", str(len(tasks)), *cells])
    return "ours as a share of another's geometric mean regret\n\n" + markdown(head, rows)


def _ratios(ours: Mapping[int, Array], theirs: Mapping[int, Array], mark: int) -> Array:
    both = sorted(set(ours) & set(theirs))
    mine, other = (
        numpy.array([max(float(known[seed][mark - 1]), FLOOR) for seed in both])
        for known in (ours, theirs)
    )
    ratios: Array = mine / other
    return ratios


def _named(runs: Mapping[Run, Record], tasks: Sequence[str], marks: Sequence[int]) -> str:
    """Under noise: the trial that is named, and the one with the best measured value."""
    head = ["under noise"]
    columns = []
    for which in ("named", "observed"):
        regrets = regrets_of(runs, which)
        head += [f"{which} {mark}" for mark in marks]
        columns.append(regrets)
    rows = []
    for name in columns[0]:
        known = [task for task in tasks if task in columns[0][name]]
        cells = [
            shown(estimate(_at(regrets[name], known, mark), mean), ".3f") if known else "–"
            for regrets in columns
            for mark in marks
        ]
        rows.append([_title(name), *cells])
    return "true regret under noise, mean\n\n" + markdown(head, rows)


def _milliseconds(name: str, tasks: Sequence[str], runs: Mapping[Run, Record]) -> str:
    taken = [
        second
        for run, record in runs.items()
        if run.method == name and run.task in tasks
        for second in record["seconds"][39:60] or record["seconds"]
    ]
    return f"{1e3 * float(numpy.median(taken)):.0f}" if taken else "–"
