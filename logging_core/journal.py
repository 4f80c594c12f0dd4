"""The journal of a run: rows, steps and commits as W&B counts them; what is written when.

Owns the writer, the fold of the summary and the sample for the sparklines. Trouble with the disk
is a warning and a pause, never an exception in the training loop. Any thread and any signal handler
may ask for anything at any time, and a handler may raise. Neighbours: run.py is its only user;
turns.py lets one thing be done after the other; quick.py writes rows that are like the one before;
writer.py appends; summary.py folds; terminal.py samples; flushing.py forces to disk.
"""

from __future__ import annotations

import time

from logging_core import quick, summary, terminal
from logging_core.errors import UsageError
from logging_core.flushing import Flusher
from logging_core.hints import Any, Callable, Iterable, Mapping
from logging_core.records import (
    Finished,
    History,
    MetricDefined,
    Record,
    RecordTooLarge,
    SummaryUpdate,
    Writer,
)
from logging_core.settling import Settler
from logging_core.trouble import Trouble
from logging_core.turns import Turns
from logging_core.values import flatten, name_of, plain, take_reserved, whole_step
from logging_core.writer import Layout, Stretch

_now = time.time
_MANY_NAMES = 100_000
_FLUSH_S = 1.0  # how long the end of a run waits for the disk


class Journal:
    """Everything a run records goes through here.

    A trial that is tried again finds rows of the attempt before it. A script that goes on from a
    checkpoint asks for it (`go_on`), or gives its steps itself; any other starts from nothing, and
    so do its steps and its summary: whoever reads the run lets later rows replace earlier ones.

    Args:
        earlier_rows: rows below a step that the server has lost sight of (OPENSWEEP_DETOUR): who
            goes on with them records them once more.

    Attributes:
        log: Run.log; in a forked child it is another one.
        warn_once: see Trouble.
    """

    log: Callable[..., None]

    def __init__(
        self,
        writer: Writer | None,
        *,
        fold: summary.SummaryFold | None = None,
        first_step: int = 0,
        resumed: bool = False,
        goes_on: bool = False,
        carries_over: bool = False,
        earlier_rows: Callable[[int], Iterable[History]] | None = None,
    ) -> None:
        self._trouble = Trouble()
        self.warn_once = self._trouble.warn_once
        self._step = first_step
        self._fold = fold or summary.SummaryFold()
        self._writer = writer
        self._turns = Turns(self.warn_once)
        self._quick = quick.make(self._turns.lock, self._log_slowly)
        self.log = self._quick.log
        self._layout: Layout | None = None  # of the row before the last one
        self._flusher: Flusher | None = None
        self._open: dict[str, Any] | None = None  # logged at this step, not committed
        self._step_metrics: dict[str, Any] = {}  # name -> last value
        self._may_rewind = resumed and first_step > 0
        self._goes_on = goes_on
        self._carries_over = carries_over  # the summary so far is other files', not this one's
        self._earlier_rows = earlier_rows
        self._said: list[SummaryUpdate] = []  # before the first row, while it may start over
        self._careful = self._may_rewind  # rows need more than to be written
        self._quiet = writer is None  # nothing is recorded: no writer, or the disk refused
        self._forked = False  # in a child that has not been told so yet
        self._closed = False
        self._shapes = terminal.Shapes()
        if writer is not None:  # the records of a row's media come before the row
            writer.settle = Settler(writer.path, self._put, self.warn_once)

    @property
    def records(self) -> bool:
        """Whether it has a file to write to at all."""
        return self._writer is not None

    @property
    def step(self) -> int:
        """The step that the next row without one of its own goes to."""
        with self._turns.lock:
            self._turns.take(self._catch_up)
            return self._step

    def summary(self) -> dict[str, Any]:
        """The summary so far: the fold's own dict."""
        with self._turns.lock:
            self._turns.take(self._catch_up)
            return self._fold.summary

    def curves(self) -> dict[str, list[float]]:
        """A sample of every numeric metric's values, by step."""
        with self._turns.lock:
            self._turns.take(self._catch_up)
            return self._shapes.curves()

    # -- the quick way ------------------------------------------------------------------------

    def _make_way(self, *, rising: bool) -> None:
        """A row was written: let the next ones of its kind go the quick way."""
        writer = self._writer
        assert writer is not None
        if self._flusher is None and not writer.closed:
            self._flusher = Flusher(writer.fileno(), self._written, self.warn_once)
        if self._careful or writer.layout is None or writer.layout is not self._layout:
            self._layout = writer.layout  # the second of a kind makes way for the third
            return
        stretch = writer.stretch()
        if stretch is not None:
            self._quick.open(stretch, self._step + rising, rising)

    def _catch_up(self) -> None:
        """Take in what went the quick way; the next row goes the slow one."""
        stretch, rising, place, upcoming = self._quick.stop()
        if stretch is None:
            return
        try:
            self._take_in(stretch, rising, place, upcoming)
        except ValueError:
            if not stretch.window.closed:
                raise
            # A signal's handler has finished the run meanwhile, and taken it in.

    def _take_in(self, stretch: Stretch, rising: bool, place: int, upcoming: int) -> None:
        """An exception of a signal's handler may come at any call: the next time does the rest."""
        count = (place - stretch.place) // stretch.layout.length
        step, opened = self._step, None
        if count:
            assert self._writer is not None
            self._writer.advance(place)
            if rising:  # each row completed the one before it; the last one is still open
                last = self._writer.last(stretch.layout)
                opened, self._open = self._open, last
            self._step = upcoming - rising
        self._quick.forget()
        if opened is not None:
            self._count(step, opened)
        if count > rising:
            samples = self._shapes.samples(stretch.layout.keys)
            quick.take_in(stretch, count - rising, self._fold, samples)

    def _written(self) -> tuple[int, int]:
        """How far the file has been written: another value when something was."""
        return self._quick.place(), self._writer.end if self._writer is not None else 0

    # -- rows ---------------------------------------------------------------------------------

    def _log_slowly(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None
    ) -> None:
        """See Run.log."""
        row: dict[str, Any] = {}
        if self._writer is not None:
            if not isinstance(data, Mapping):
                raise UsageError(f"log() takes a dict of names to values, not {_kind(data)}")
            row = {key if type(key) is str else name_of(key): value for key, value in data.items()}
        self._turns.take(self._log_in_turn, row, step, commit)

    def _log_in_turn(self, row: dict[str, Any], step: int | None, commit: bool | None) -> None:
        self._catch_up()
        if self._quiet and not self._awake():
            if self._forked:
                self._forked = False  # said once
                terminal.warn(
                    "log() in a forked process is not recorded: log from the process that "
                    "called init()"
                )
            if step is None and commit is not False:
                self._step += 1
            return
        try:
            self._log(row, step, commit)
            if commit is None and (step is not None or self._open is None):
                self._make_way(rising=step is not None)
        except OSError as error:
            self._pause(error)

    def go_on(self) -> None:
        """The script knows of an earlier attempt: without steps of its own, its rows come after."""
        self._goes_on = True

    def _start_over(self, step: int | None) -> None:
        self._step = 0 if step is None else self._step
        self._fold.start_over()
        for said in self._said:
            self._fold.apply(said)
        self.warn_once(
            "an earlier attempt at this trial was lost; this one starts from nothing, and so does "
            "its history (to go on from a checkpoint: run.resumed, run.checkpoint_dir)"
        )

    def _carry_over(self, writer: Writer, below: int) -> None:
        """Nothing starts over: what earlier attempts' files made of the summary stays, here too."""
        if self._carries_over:
            self._carries_over = False
            for row in self._earlier_rows(below) if self._earlier_rows else ():
                writer.add(row)
            writer.add(self._fold.carried_over())

    def _log(self, row: dict[str, Any], step: int | None, commit: bool | None) -> None:
        if step is not None and not self._go_to(step):
            return
        if self._may_rewind and not self._goes_on and (step is None or self._step <= 0):
            self._start_over(step)
        elif self._may_rewind and self._writer is not None:
            self._carry_over(self._writer, self._step)
        self._may_rewind = False
        self._careful = bool(self._step_metrics)
        said = take_reserved(row, self.warn_once)
        time = _now() if said is None else said
        if not (commit if commit is not None else step is None):
            if row:
                written = self._write(self._step, time, row, partial=True)
                self._open = self._open or {}
                self._open.update(written)
            return
        # The step is over, whatever becomes of this row: a number is not given twice.
        whole, self._open = self._open or {}, None
        number, self._step = self._step, self._step + 1
        if row or whole:
            self._add_step_metrics(row, whole)
            whole.update(self._write(number, time, row))
            self._count(number, whole)

    def _go_to(self, step: int) -> bool:
        """Make `step` the current one; False: it went by."""
        try:
            step = whole_step(step)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"step must be an integer, not {step!r}") from None
        if not -(1 << 63) <= step < 1 << 63:
            raise UsageError(f"step {step} does not fit 64 bits")
        if step < self._step and not self._may_rewind:
            self.warn_once(
                f"log(step={step}) comes after step {self._step}: steps only go forward, this row "
                "and others like it are dropped (define_metric names another x axis)",
                about="step",
            )
            return False
        if step != self._step:
            self._close_open()
            self._step = step
        return True

    def _close_open(self) -> None:
        """The open step is complete. The record file needs no word of it: the next record is of
        another step, or the run's end."""
        if self._open is None:
            return
        extra: dict[str, Any] = {}
        row, self._open = self._open, None
        self._add_step_metrics(extra, row)
        if extra:
            row.update(self._write(self._step, _now(), extra, partial=True))
        self._count(self._step, row)

    def _write(
        self, step: int, time: float, row: dict[str, Any], *, partial: bool = False
    ) -> dict[str, Any]:
        """The row as recorded; {} for one that is left out."""
        assert self._writer is not None
        try:
            return self._writer.history(step, time, row, partial=partial, odd=self.warn_once)
        except RecordTooLarge as error:
            self._trouble.skip(error)
            return {}

    def made_plain(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values for the summary: media stored and as W&B's JSON, all else plain. Raises
        UsageError."""
        with self._turns.lock:
            if self._writer is not None:
                try:
                    settle = Settler(self._writer.path, self.record, self.warn_once)
                    values = settle("summary", values)
                except OSError as error:
                    self._pause(error)
            return dict(plain(values, self.warn_once))

    def _count(self, step: int, row: dict[str, Any]) -> None:
        """A row is complete: fold it into the summary, and sample it for the sparklines."""
        row = flatten(row)
        self._fold.add_row(row)
        if len(self._fold.summary) > _MANY_NAMES:
            self.warn_once(
                f"more than {_MANY_NAMES:,} different names were logged in this run: each is a "
                "metric of its own, and all become slow; put what varies into values, not names",
                about="names",
            )
        sampled = self._shapes.samples(row)
        sampled.left -= 1
        if not sampled.left:
            sampled.keep(step, row)

    def _add_step_metrics(self, row: dict[str, Any], logged: Mapping[str, Any]) -> None:
        """Put the last value of each step metric beside the metrics that are plotted over it.
        `logged`: what the step has already."""
        if not self._step_metrics:
            return
        whole = flatten({**logged, **row})
        for name in whole:
            definition = self._fold.definition(name)
            step_metric = definition.step_metric if definition and definition.step_sync else None
            if step_metric and step_metric not in whole:
                last = self._step_metrics.get(step_metric)
                if last is not None:
                    row[step_metric] = last
        for name in self._step_metrics:
            if name in whole:
                self._step_metrics[name] = plain(whole[name])

    def define(self, defined: MetricDefined) -> None:
        self._turns.take(self._define_in_turn, defined)

    def _define_in_turn(self, defined: MetricDefined) -> None:
        self._catch_up()
        self._fold.define(defined)
        if defined.step_sync and defined.step_metric:
            self._step_metrics.setdefault(defined.step_metric, None)
            self._careful = True
        self._put(defined)

    def record(self, record: Record) -> None:
        """Anything but a row; a SummaryUpdate is folded too."""
        self._turns.take(self._record_in_turn, record)

    def _record_in_turn(self, record: Record) -> None:
        self._catch_up()
        if isinstance(record, SummaryUpdate):
            self._fold.apply(record)
            if self._may_rewind:
                self._said.append(record)
        self._put(record)

    def _put(self, record: Record) -> None:
        if self._closed or (self._quiet and not self._awake()):
            return
        assert self._writer is not None
        try:
            self._writer.add(record)
        except RecordTooLarge as error:
            self._trouble.skip(error)
        except OSError as error:
            self._pause(error)

    def close(self, exit_code: int) -> bool:
        """The end of the record; False when it was closed before."""
        first: bool = self._turns.break_in(self._close_in_turn, exit_code)
        return first

    def _close_in_turn(self, exit_code: int) -> bool:
        self._catch_up()
        if self._writer is not None and not self._closed:
            self._close(self._writer, exit_code)
        # A signal's handler may have closed it meanwhile.
        was_open, self._closed, self._quiet = not self._closed, True, True
        return was_open

    def _close(self, writer: Writer, exit_code: int) -> None:
        try:
            self._close_open()
            if self._may_rewind and self._goes_on:  # there was no more to log
                self._carry_over(writer, self._step)
            writer.add(Finished(exit_code, _now()))
        except OSError as error:
            self._pause(error)
        try:
            if writer.deleted():
                terminal.warn(f"{writer.path} was deleted: what this run logged is lost")
            if self._flusher is not None:
                self._flusher.stop(_FLUSH_S)
            writer.close()
        except OSError as error:
            terminal.warn(f"{writer.path} could not be closed: {error.strerror}")
        self._trouble.tell_end()

    def abandon(self) -> None:
        """In a forked child: the file is the parent's; nothing is written there any more."""
        self._turns.start_over()
        self._quick.stop()
        self._quick.forget()
        self.log = self._log_slowly
        if self._writer is not None and not self._closed:
            self._writer.close(truncate=False)
            self._writer = None
            if self._flusher is not None:
                self._flusher.abandon()
            self._quiet = self._forked = True

    def _awake(self) -> bool:
        """Asked only while quiet: may this call be recorded after all?"""
        if self._closed:
            raise UsageError("log() after finish(): call opensweep.init() for a new run")
        if self._writer is None or not self._trouble.is_over(self._writer):
            return False
        self._quiet = False
        return True

    def _pause(self, error: OSError) -> None:
        if error.errno is None:
            raise error  # not the disk's: the TimeoutError of a signal's handler, say
        if self._closed:
            return  # by a handler, in the middle of this
        self._quiet = True
        self._trouble.pause(error)


def _kind(value: object) -> str:
    return type(value).__name__
