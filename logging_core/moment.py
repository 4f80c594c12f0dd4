"""A moment of a run, as fork_from and resume_from name it: "RUN?_step=N"."""

from __future__ import annotations

import re

from logging_core.errors import UsageError
from logging_core.hints import NamedTuple

_MOMENT = re.compile(r"^([^?#/;]+)\?_step=([0-9]{1,18})(?:\.0*)?$")


class Moment(NamedTuple):
    """The run's history up to and with `step` counts."""

    run: str
    step: int

    @classmethod
    def parse(cls, argument: str, text: str) -> Moment:
        """Raises UsageError, naming the argument of init()."""
        match = _MOMENT.match(text) if isinstance(text, str) else None
        if match is None:
            raise UsageError(
                f"init({argument}={text!r}): expected RUN?_step=N, such as 'ans3bsax?_step=123'"
            )
        return cls(match.group(1), int(match.group(2)))
