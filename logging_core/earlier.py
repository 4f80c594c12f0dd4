"""What a run comes to before this process begins: from its folder, or from a server that has it.

A run that goes on (a retry, resume, resume_from) and one that begins at a moment of another
(fork_from) take over steps, config and summary. The folder is read where it is on this machine;
else the server is asked, once, with a short time limit. Neighbours: place.py asks, start.py uses.
"""

from __future__ import annotations

from logging_core import terminal
from logging_core.folder import RunFolder
from logging_core.hints import Any, Iterator, NamedTuple, Sequence
from logging_core.records import (
    Compacted,
    ConfigUpdate,
    Finished,
    History,
    MetadataUpdate,
    Reader,
    RecordError,
)
from logging_core.skim import Skimmer, Stretch
from logging_core.summary import SummaryFold

ASK_S = 5.0
"""Seconds that init() waits for a server, only where it is told to go on with a run that is not on
this machine."""

_SAID = ("name", "notes", "tags", "group", "job_type")


class Earlier(NamedTuple):
    """`metadata`: what the script last said of its run; `exit_code`: of the newest attempt, None
    when it did not end."""

    fold: SummaryFold
    config: dict[str, Any]
    metadata: dict[str, Any]
    next_step: int = 0
    exit_code: int | None = None


def nothing() -> Earlier:
    return Earlier(SummaryFold(), {}, {})


def read(folder: RunFolder, writers: Sequence[str], upto: int | None = None) -> Earlier:
    """Fold what these writers recorded; with `upto`, what they had by the end of that step."""
    fold = SummaryFold()
    config: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    next_step, exit_code = 0, None
    for writer in writers:
        exit_code = None
        reader = Skimmer(folder.records(writer), fold, upto)
        try:
            beyond = False
            while not beyond:
                records: list[Any] = reader.read(10_000, final=True)
                if not records:
                    break
                for record in records:
                    if isinstance(record, Stretch):
                        next_step = record.last.step + 1
                        for name, values in record.columns.items():
                            fold.add_column(name, values)
                        row = record.last.row
                        fold.add_row({k: v for k, v in row.items() if k not in record.columns})
                        continue
                    if isinstance(record, History):
                        if upto is not None and record.step > upto:
                            beyond, next_step = True, upto + 1
                            break
                        next_step = record.step + 1
                    elif isinstance(record, Compacted):
                        next_step = record.next_step
                        if upto is not None and next_step > upto + 1:
                            fold.start_over()  # its values at that step are in packed rows
                            beyond, next_step = True, upto + 1
                            break
                    elif isinstance(record, ConfigUpdate):
                        config.update(record.values)
                    elif isinstance(record, MetadataUpdate):
                        metadata.update({k: v for k, v in record.values.items() if k in _SAID})
                    elif isinstance(record, Finished):
                        exit_code = record.exit_code
                    fold.apply(record)
        except (OSError, RecordError) as error:
            terminal.warn(f"earlier records cannot be read: {error}")
    return Earlier(fold, config, metadata, next_step, exit_code)


def rows(folder: RunFolder, writers: Sequence[str], below: int) -> Iterator[History]:
    """The rows of steps below `below` that these writers' files amount to: each one's count up to
    where the next one began. What is packed already is not among them."""
    ends, end = [], below
    for writer in reversed(writers):
        ends.append(end)
        try:
            end = min(end, _first_step(Reader(folder.records(writer)), end))
        except (OSError, RecordError):
            continue  # said by `read`
    for writer, end in zip(writers, reversed(ends)):
        reader = Reader(folder.records(writer))
        try:
            while records := reader.read(10_000, final=True):
                yield from (one for one in records if isinstance(one, History) and one.step < end)
        except (OSError, RecordError):
            continue


def _first_step(reader: Reader, default: int) -> int:
    while records := reader.read(100, final=True):
        for record in records:
            if isinstance(record, History):
                return record.step
    return default


def ask(run_id: str) -> Earlier | None:
    """What the server has of a run; None: no server is known, or it has none of this id.

    Raises CommError, UsageError as logging_core.api.http does.
    """
    from logging_core.api.http import run_before  # seldom needed, and slow to import

    found = run_before(run_id, within_s=ASK_S)
    if found is None:
        return None
    fold = SummaryFold()
    fold.summary.update(found.summary)
    said = {key: found.metadata[key] for key in _SAID if key in found.metadata}
    metadata = {**said, "name": found.name, "project": found.project, "entity": found.entity}
    return Earlier(fold, dict(found.config), metadata, found.next_step)
