"""A run's history folded to one value (or min, max, mean, …) a metric, as W&B does.

`SummaryFold` is the rule, used by the logger while it runs and by the agent when it reads the
record file: both come to the same summary. `Summary` is what a script holds as `run.summary`.
Pure but for what `Summary` is told to call; neighbours: records.py, run.py.
"""

from __future__ import annotations

import math
import re

from logging_core import nesting
from logging_core.hints import Any, Callable, Iterator, Mapping, MutableMapping, Sequence
from logging_core.records import Compacted, History, MetricDefined, Record, SummaryUpdate
from logging_core.values import flatten, name_of, plain

KINDS = ("min", "max", "mean", "last", "first", "best", "copy", "none")


class _Track:
    """What is needed to keep one metric's min, max, mean, first, last and best."""

    __slots__ = ("count", "first", "last", "max", "mean", "min")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.first: Any = None
        self.last: Any = None
        self.min: Any = None
        self.max: Any = None

    def add(self, value: Any) -> None:
        if self.first is None:
            self.first = value
        self.last = value
        if type(value) not in (int, float) or value != value:
            return  # text, a bool or NaN is neither small nor large
        self.min = value if self.min is None else min(self.min, value)
        self.max = value if self.max is None else max(self.max, value)
        self.count += 1
        # Welford's running mean; a sum of a million floats would drift. An int beyond the
        # range of floats counts as infinite.
        try:
            self.mean += (value - self.mean) / self.count
        except OverflowError:
            self.mean = math.inf if value > 0 else -math.inf

    def add_all(self, values: Sequence[Any]) -> None:
        """Values of one type, at once: what `add` makes of one after the other."""
        if not values:
            return
        if type(values[0]) not in (int, float):
            self.add(values[0])
            self.last = values[-1]
            return
        self.first = values[0] if self.first is None else self.first
        self.last = values[-1]
        numbers = [value for value in values if value == value]
        if not numbers:
            return
        least, most = min(numbers), max(numbers)
        self.min = least if self.min is None else min(self.min, least)
        self.max = most if self.max is None else max(self.max, most)
        count, mean = self.count, self.mean
        for value in numbers:
            count += 1
            mean += (value - mean) / count
        self.count, self.mean = count, mean

    def state(self) -> list[Any]:
        return [self.count, self.mean, self.first, self.last, self.min, self.max]

    def go_on(self, state: Sequence[Any]) -> None:
        """Takes in what another track had come to, as if its values followed."""
        count, mean, first, last, least, most = state
        if self.first is None:
            self.first = first
        self.last = last
        for bound in (least, most):
            if bound is not None:
                self.min = bound if self.min is None else min(self.min, bound)
                self.max = bound if self.max is None else max(self.max, bound)
        if count:
            self.count += count
            self.mean += (mean - self.mean) * (count / self.count)

    def values(self, definition: MetricDefined) -> dict[str, Any]:
        found = {
            "min": self.min,
            "max": self.max,
            "mean": self.mean if self.count else None,
            "first": self.first,
            "last": self.last,
            "best": self.max if definition.goal == "maximize" else self.min,
        }
        return {
            kind: found[kind]
            for kind in definition.summary
            if kind in found and found[kind] is not None
        }


class SummaryFold:
    """Folds records, in the order of the file, into a summary.

    Attributes:
        summary: dotted metric name -> its last value; or, for a metric defined with
            `summary="min,max"`, -> {"min": …, "max": …}. Values are plain JSON values.
    """

    def __init__(self) -> None:
        self.summary: dict[str, Any] = {}
        self.definitions: dict[str, MetricDefined] = {}
        self._resolved: dict[str, MetricDefined | None] = {}
        self._tracks: dict[str, _Track] = {}

    def apply(self, record: Record) -> None:
        """Take one record in; those that say nothing about the summary are passed over."""
        if isinstance(record, History):
            self.add_row(flatten(record.row))
        elif isinstance(record, SummaryUpdate):
            self._go_on(record.values, record.tracks or {})
            for name in record.removed:
                self.summary.pop(name, None)
        elif isinstance(record, MetricDefined):
            self.define(record)
        elif isinstance(record, Compacted):
            self._go_on(record.summary, record.tracks)

    def _go_on(self, summary: Mapping[str, Any], tracks: Mapping[str, Any]) -> None:
        for name, state in tracks.items():
            self._track(name).go_on(state)
        self.summary.update(summary)
        for name in tracks:
            if (definition := self.definition(name)) is not None:
                self.summary[name] = self._tracks[name].values(definition)

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Take in a row that is flat already."""
        if not self.definitions:
            self.summary.update(row)
            return
        for name, value in row.items():
            definition = self.definition(name)
            kinds = definition.summary if definition is not None else ()
            if definition is None or not kinds or "copy" in kinds:
                self.summary[name] = value
            elif "none" not in kinds:
                track = self._tracks.get(name)
                if track is None:
                    track = self._tracks[name] = _Track()
                track.add(value)
                self.summary[name] = track.values(definition)

    def wants_all(self, name: str) -> bool:
        """Whether every value of a metric counts; False: its last one is enough (or none is)."""
        definition = self.definition(name) if self.definitions else None
        kinds = definition.summary if definition is not None else ()
        return bool(kinds) and "copy" not in kinds and "none" not in kinds

    def add_column(self, name: str, values: Sequence[Any]) -> None:
        """Take in the values of one flat name, all of one type, from rows that follow each other;
        what `add_row` makes of them. Only for a name that `wants_all`."""
        definition = self.definition(name)
        if definition is not None and values:
            track = self._track(name)
            track.add_all(values)
            self.summary[name] = track.values(definition)

    def carried_over(self) -> SummaryUpdate:
        """What another file's fold begins with to go on from here."""
        tracks = {name: track.state() for name, track in self._tracks.items()}
        return SummaryUpdate(dict(self.summary), (), tracks or None)

    def compacted(self, next_step: int, rows: int, time: float) -> Compacted:
        """What stands for all that was folded when its rows are packed elsewhere."""
        tracks = {name: track.state() for name, track in self._tracks.items()}
        return Compacted(next_step, rows, time, dict(self.summary), tracks)

    def _track(self, name: str) -> _Track:
        track = self._tracks.get(name)
        if track is None:
            track = self._tracks[name] = _Track()
        return track

    def start_over(self) -> None:
        """Forgets all values, but not what was defined."""
        self.summary.clear()
        self._tracks.clear()

    def define(self, new: MetricDefined) -> None:
        old = self.definitions.get(new.name)
        if old is not None and not new.overwrite:
            new = MetricDefined(
                name=new.name,
                step_metric=new.step_metric or old.step_metric,
                step_sync=new.step_sync or old.step_sync,
                hidden=new.hidden or old.hidden,
                summary=tuple(dict.fromkeys([*old.summary, *new.summary])),
                goal=new.goal or old.goal,
            )
        self.definitions[new.name] = new
        self._resolved.clear()

    def definition(self, name: str) -> MetricDefined | None:
        """What define_metric said of this metric: by its very name, else by the longest glob."""
        try:
            return self._resolved[name]
        except KeyError:
            pass
        found = self.definitions.get(name)
        if found is None:
            globs = [glob for glob in self.definitions if "*" in glob and _matches(glob, name)]
            found = self.definitions[max(globs, key=len)] if globs else None
        self._resolved[name] = found
        return found


def _matches(glob: str, name: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, glob.split("*"))), name, re.DOTALL) is not None


class Summary(MutableMapping[str, Any]):
    """`run.summary`: reads the fold; what is written is recorded, and stays until it is logged
    again. Nested as W&B's: summary["val"]["loss"] is also summary["val.loss"] and
    summary.val.loss (nesting.py says what holds if there is a "val" besides)."""

    def __init__(
        self,
        read: Callable[[], dict[str, Any]],
        record: Callable[[dict[str, Any], Sequence[str]], None],
        made_plain: Callable[[dict[str, Any]], dict[str, Any]] = plain,
    ) -> None:
        object.__setattr__(self, "_read", read)
        object.__setattr__(self, "_record", record)
        object.__setattr__(self, "_made_plain", made_plain)

    _read: Callable[[], dict[str, Any]]
    _record: Callable[[dict[str, Any], Sequence[str]], None]
    _made_plain: Callable[[dict[str, Any]], dict[str, Any]]

    @property
    def _values(self) -> dict[str, Any]:
        return self._read()

    def __getitem__(self, name: str) -> Any:
        found = nesting.find(self._values, name)
        return nesting.Nested(found, name, self) if isinstance(found, dict) else found

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        self._record(*nesting.removal(self._values, name))

    def __iter__(self) -> Iterator[str]:
        return iter(nesting.nested(self._values))

    def __len__(self) -> int:
        return len(nesting.nested(self._values))

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the summary has no value {name!r} yet") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __repr__(self) -> str:
        return repr(nesting.nested(self._values))

    def update(self, *values: Any, **more: Any) -> None:
        """Set several values at once: one record. A dict takes the place of all below its name."""
        given = {name_of(name): value for name, value in dict(*values, **more).items()}
        if not given:
            return
        if len(given) == 1:  # as most are; no copy of all that is there
            ((name, value),) = self._made_plain(given).items()
            self._record(*nesting.setting(self._values, name, value))
            return
        after = dict(self._values)
        new: dict[str, Any] = {}
        gone: dict[str, None] = {}
        for name, value in self._made_plain(given).items():
            wanted, removed = nesting.setting(after, name, value)
            for old in removed:
                del after[old]
                new.pop(old, None)
                gone[old] = None
            after.update(wanted)
            new.update(wanted)
        self._record(new, [name for name in gone if name not in new])
