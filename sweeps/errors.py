"""Every error that opensweep raises on purpose, as one tree.

    OpensweepError                    something failed; exit code 1
    ├── UsageError                    the caller can mend it; exit code 2
    │   ├── SpecError                 a sweep file is wrong: file, line, key path, what to do
    │   ├── NotFoundError             no such sweep, trial or run
    │   ├── RunExists                 the id of a run is taken by another one
    │   └── ConfigurationError        an environment variable, address, key or option is wrong
    │       └── NotAllowed            the API key's role does not suffice
    ├── ServerError                   the server answered with an error
    │   └── ServerUnreachable         there is no answer at all
    ├── BrokerError                   Redis/Valkey is out of reach, or is not ours
    ├── StoreError                    the database failed
    │   ├── StoreTooNew               a newer opensweep wrote it
    │   └── StoreUnavailable          locked, full or out of reach for now: try again
    ├── ImportFailed                  another tracker's files cannot be read
    ├── ChunkError                    recorded bytes are torn, foreign or cannot be encoded
    ├── DigestMismatch                bytes that arrived are not those that were announced
    ├── DeviceError                   a GPU that was asked for is not there
    ├── LaunchError                   a training process could not be started
    ├── Fenced                        a stale attempt or controller tried to record something
    ├── ReportChanged                 somebody else saved a report in between
    ├── IllegalTransition             a state change that the tables in trial.py do not have
    └── HomeInUse                     a second server on one OPENSWEEP_HOME

A message says what happened, where, and what to do next. The `sweep` command turns this tree into
one line on stderr and an exit code in one place (opensweep/_command.py); no traceback is shown.
"""

from __future__ import annotations


class OpensweepError(Exception):
    """Base of all; `exit_code` is what the `sweep` command ends with."""

    exit_code = 1


class UsageError(OpensweepError):
    """The caller can mend it: a file, a name, an option."""

    exit_code = 2


class SpecError(UsageError):
    """A sweep file is wrong.

    Args:
        problem: what is wrong, one sentence.
        key_path: where in the file, such as `parameters.lr.min`; "" for the whole file.
        path: the file's name as the user gave it, if known.
        line: 1-based line in the file, if known.
        hint: what to do next, if there is more to say.
    """

    def __init__(
        self,
        problem: str,
        *,
        key_path: str = "",
        path: str | None = None,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem = problem
        self.key_path = key_path
        self.path = path
        self.line = line
        self.hint = hint
        super().__init__(self._message())

    def _message(self) -> str:
        place = self.path or ""
        if self.line is not None:
            place = f"{place}:{self.line}" if place else f"line {self.line}"
        parts = [part for part in (place, self.key_path) if part]
        message = ": ".join([*parts, self.problem])
        return f"{message} {self.hint}" if self.hint else message


class NotFoundError(UsageError):
    """No such sweep, trial or run."""


class RunExists(UsageError):
    """The id of a run is taken: another folder recorded under it, or it is a trial's."""


class ConfigurationError(UsageError):
    """An environment variable, an address, a key or an option is wrong."""


class NotAllowed(ConfigurationError):
    """The API key is right, and its role does not allow this."""


class ServerError(OpensweepError):
    """The server answered with an error that is none of the caller's."""


class ServerUnreachable(ServerError):
    """The server gave no answer."""


class BrokerError(OpensweepError):
    """Redis/Valkey is out of reach, refuses us, or holds somebody else's data."""


class StoreError(OpensweepError):
    """The database failed."""


class StoreTooNew(StoreError):
    """The database was written by a newer opensweep."""


class StoreUnavailable(StoreError):
    """The database is locked, full or out of reach for now; nothing was written."""


class ImportFailed(OpensweepError):
    """Another tracker's files cannot be read; the message names the file."""


class ChunkError(OpensweepError):
    """A chunk of recorded rows is torn or foreign, or rows cannot be made into one."""


class DigestMismatch(OpensweepError):
    """Bytes that arrived have another SHA-256 than the one they were announced with."""


class DeviceError(UsageError):
    """A device that was asked for is not there, or cannot be read."""


class LaunchError(OpensweepError):
    """A training process could not be started: its program, its folder or its console log."""


class Fenced(OpensweepError):
    """A stale attempt (or controller) tried to record something: somebody else owns it now."""


class ReportChanged(OpensweepError):
    """A report was changed by somebody else since it was opened."""


class IllegalTransition(OpensweepError):
    """A change of state that the tables in `sweeps.trial` do not have."""


class HomeInUse(OpensweepError):
    """Another server already works on this OPENSWEEP_HOME."""
