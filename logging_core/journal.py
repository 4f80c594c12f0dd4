"""The journal of a run: rows, steps and commits as W&B counts them; what is written when.

Owns the writer, the fold of the summary and the sample for the sparklines. Trouble with the disk
is a warning and a pause, never an exception in the training loop. Thread-safe. Neighbours: run.py
is its only user; writer.py appends; summary.py folds; terminal.py samples.
"""

from __future__ import annotations

import os
import threading
import time

from logging_core import summary, terminal
from logging_core.errors import UsageError
from logging_core.folder import RunFolder
from logging_core.hints import Any, Mapping
from logging_core.records import (
    ConfigUpdate,
    FileSaved,
    Finished,
    MetadataUpdate,
    MetricDefined,
    Record,
    RecordTooLarge,
    SummaryUpdate,
    Writer,
)
from logging_core.values import flatten, plain

_now = time.time
_RETRY_S = 5.0  # how long logging pauses after the disk refused
_MAX_SHAPES = 200  # of rows, for the sparklines
_MAX_WARNINGS = 50
_SCALARS = frozenset([float, int, bool, str, type(None)])


class Journal:
    """Everything a run records goes through here.

    A trial that is tried again finds rows of the attempt before it. A script that goes on from a
    checkpoint asks for it (`go_on`), or gives its steps itself; any other starts from nothing, and
    so do its steps and its summary: whoever reads the run lets later rows replace earlier ones.

    Attributes:
        step: the step that the next row without one of its own goes to.
        fold: the summary so far.
        lost: how many calls could not be recorded.
    """

    def __init__(
        self,
        writer: Writer | None,
        *,
        fold: summary.SummaryFold | None = None,
        first_step: int = 0,
        resumed: bool = False,
        goes_on: bool = False,
    ) -> None:
        self.step = first_step
        self.fold = fold or summary.SummaryFold()
        self.lost = 0
        self._writer = writer
        self._lock = threading.RLock()
        self._open: dict[str, Any] | None = None  # logged at this step, not committed
        self._step_metrics: dict[str, Any] = {}  # name -> last value
        self._may_rewind = resumed and first_step > 0
        self._goes_on = goes_on
        self._said: list[SummaryUpdate] = []  # before the first row, while it may start over
        self._careful = self._may_rewind  # rows need more than to be written
        self._quiet = writer is None  # nothing is recorded: no writer, or the disk refused
        self._retry_at = 0.0
        self._forked = False  # in a child that has not been told so yet
        self._closed = False
        self._warned: set[str] = set()
        self._samples: dict[tuple[str, ...], terminal.Samples] = {}
        self._sampled = terminal.Samples()
        self._shape: object = None  # the layout that `_sampled` belongs to
        if writer is not None:
            writer.settle = self._settle

    @property
    def records(self) -> bool:
        """Whether it has a file to write to at all."""
        return self._writer is not None

    def curves(self) -> dict[str, list[float]]:
        """A sample of every numeric metric's values, by step."""
        return terminal.curves(self._samples.values())

    def log(self, data: Mapping[str, Any], step: int | None, commit: bool | None) -> None:
        """See Run.log."""
        with self._lock:
            if self._quiet and not self._awake():
                if self._forked:
                    self._forked = False  # said once
                    terminal.warn(
                        "log() in a forked process is not recorded: log from the process that "
                        "called init()"
                    )
                if step is None and commit is not False:
                    self.step += 1
                return
            writer = self._writer
            assert writer is not None
            try:
                if (
                    step is None
                    and commit is not False
                    and self._open is None
                    and not self._careful
                    and type(data) is dict
                    and data
                ):
                    row = writer.history(self.step, _now(), data, odd=self.warn_once)
                    self._count(row, writer.layout)
                    self.step += 1
                else:
                    self._log(data, step, commit)
            except RecordTooLarge as error:
                self._skip(error)
            except OSError as error:
                self._pause(error)

    def go_on(self) -> None:
        """The script knows of an earlier attempt: without steps of its own, its rows come after."""
        self._goes_on = True

    def _start_over(self, step: int | None) -> None:
        self.step = 0 if step is None else self.step
        self.fold.start_over()
        for said in self._said:
            self.fold.apply(said)
        self.warn_once(
            "an earlier attempt at this trial was lost; this one starts from nothing, and so does "
            "its history (to go on from a checkpoint: run.resumed, run.checkpoint_dir)"
        )

    def _log(self, data: Mapping[str, Any], step: int | None, commit: bool | None) -> None:
        if not isinstance(data, Mapping):
            raise UsageError(f"log() takes a dict of names to values, not {type(data).__name__}")
        if step is not None and not self._go_to(step):
            return
        if self._may_rewind and not self._goes_on and (step is None or self.step <= 0):
            self._start_over(step)
        self._may_rewind = False
        self._careful = bool(self._step_metrics)
        row = dict(data)
        complete = commit if commit is not None else step is None
        if not complete:
            if row:
                self._open = {**(self._open or {}), **self._write(row, partial=True)}
            return
        if row or self._open:
            self._add_step_metrics(row)
            written = self._write(row)
            self._count({**(self._open or {}), **written})
        self._open = None
        self.step += 1

    def _go_to(self, step: int) -> bool:
        """Make `step` the current one; False: it went by."""
        try:
            step = int(step)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"step must be an integer, not {step!r}") from None
        if not -(1 << 63) <= step < 1 << 63:
            raise UsageError(f"step {step} does not fit 64 bits")
        if step < self.step and not self._may_rewind:
            self.warn_once(
                f"log(step={step}) comes after step {self.step}: steps only go forward, this row "
                "and others like it are dropped (define_metric names another x axis)",
                about="step",
            )
            return False
        if step != self.step:
            self._close_open()
            self.step = step
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
            row.update(self._write(extra, partial=True))
        self._count(row)

    def _write(self, row: dict[str, Any], *, partial: bool = False) -> dict[str, Any]:
        assert self._writer is not None
        return self._writer.history(self.step, _now(), row, partial=partial, odd=self.warn_once)

    def made_plain(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values for the summary: media stored and as W&B's JSON, all else plain. Raises
        UsageError."""
        with self._lock:
            if self._writer is not None:
                try:
                    values = self._settle("summary", values)
                except OSError as error:
                    self._pause(error)
            return dict(plain(values, self.warn_once))

    def _settle(self, step: int | str, row: dict[str, Any]) -> dict[str, Any]:
        """The row with W&B's JSON in place of media, their files stored. Raises OSError,
        UsageError."""
        for value in row.values():
            if type(value) not in _SCALARS and getattr(value, "shape", None) != ():
                break
        else:
            return row  # nothing but scalars, of whichever library
        from logging_core.media import rows  # seldom needed, and large

        assert self._writer is not None
        files = RunFolder(os.path.dirname(self._writer.path)).files
        desk = rows.Desk(
            files,
            step,
            lambda path: self.record(FileSaved(path)),
            lambda values: self.record(ConfigUpdate(values)),
            self.warn_once,
        )
        return rows.settle(row, desk)

    def _count(self, row: dict[str, Any], layout: object = None) -> None:
        """A row is complete: fold it into the summary, and sample it for the sparklines.
        `layout`: of the row as it was written; None when it may hold anything but numbers."""
        if layout is None or layout is not self._shape:
            row = flatten(row)
            shape = tuple(row) if len(self._samples) < _MAX_SHAPES else ()
            self._sampled = self._samples.setdefault(shape, terminal.Samples())
            self._shape = layout
        self.fold.add_row(row)
        sampled = self._sampled
        sampled.left -= 1
        if not sampled.left:
            sampled.keep(self.step, dict(row))

    def _add_step_metrics(
        self, row: dict[str, Any], logged: Mapping[str, Any] | None = None
    ) -> None:
        """Put the last value of each step metric beside the metrics that are plotted over it."""
        if not self._step_metrics:
            return
        whole = flatten({**(self._open or {}), **(logged or {}), **row})
        for name in whole:
            definition = self.fold.definition(name)
            step_metric = definition.step_metric if definition and definition.step_sync else None
            if step_metric and step_metric not in whole:
                last = self._step_metrics.get(step_metric)
                if last is not None:
                    row[step_metric] = last
        for name in self._step_metrics:
            if name in whole:
                self._step_metrics[name] = plain(whole[name])

    def define(self, defined: MetricDefined) -> None:
        with self._lock:
            self.fold.define(defined)
            if defined.step_sync and defined.step_metric:
                self._step_metrics.setdefault(defined.step_metric, None)
                self._careful = True
            self.record(defined)

    def record(self, record: Record) -> None:
        """Anything but a row; a SummaryUpdate is folded too."""
        with self._lock:
            if isinstance(record, SummaryUpdate):
                self.fold.apply(record)
                if self._may_rewind:
                    self._said.append(record)
            if self._closed or (self._quiet and not self._awake()):
                return
            assert self._writer is not None
            try:
                self._writer.add(record)
            except RecordTooLarge as error:
                self._skip(error)
            except OSError as error:
                self._pause(error)

    def close(self, exit_code: int) -> bool:
        """The end of the record; False when it was closed before."""
        with self._lock:
            if self._closed:
                return False
            if self._writer is not None:
                self._close(self._writer, exit_code)
            self._closed = self._quiet = True
            return True

    def _close(self, writer: Writer, exit_code: int) -> None:
        try:
            self._close_open()
            writer.add(Finished(exit_code, _now()))
        except OSError as error:
            self._pause(error)
        try:
            if writer.deleted():
                terminal.warn(f"{writer.path} was deleted: what this run logged is lost")
            writer.close()
        except OSError as error:
            terminal.warn(f"{writer.path} could not be closed: {error.strerror}")
        if self.lost:
            terminal.warn(f"{self.lost} calls could not be recorded")

    def abandon(self) -> None:
        """In a forked child: the file is the parent's; nothing is written there any more."""
        self._lock = threading.RLock()  # another thread of the parent may hold the old one
        if self._writer is not None and not self._closed:
            self._writer.close(truncate=False)
            self._writer = None
            self._quiet = self._forked = True

    def warn_once(self, text: str, about: str = "") -> None:
        """Warn, unless it was said before (or another thing of the same kind, `about`)."""
        if (about or text) not in self._warned and len(self._warned) < _MAX_WARNINGS:
            self._warned.add(about or text)
            terminal.warn(text)

    def _awake(self) -> bool:
        """Asked only while quiet: may this call be recorded after all?"""
        if self._closed:
            raise UsageError("log() after finish(): call opensweep.init() for a new run")
        if self._writer is None:
            return False
        if time.monotonic() >= self._retry_at:
            try:
                if not self._writer.deleted():
                    self._writer.add(MetadataUpdate({}))
                    self._quiet = False
                    terminal.warn(f"logging goes on; {self.lost} calls could not be recorded")
                    return True
            except OSError:
                pass
            self._retry_at = time.monotonic() + _RETRY_S
        self.lost += 1
        return False

    def _skip(self, error: RecordTooLarge) -> None:
        self.lost += 1
        self.warn_once(f"{error}: it is left out", about="size")

    def _pause(self, error: OSError) -> None:
        self._quiet = True
        self.lost += 1
        self._retry_at = time.monotonic() + _RETRY_S
        self.warn_once(
            f"the run cannot be written: {error.strerror} ({error.filename}). Training goes on; "
            f"logging pauses and tries again every {_RETRY_S:.0f} s",
            about="disk",
        )
