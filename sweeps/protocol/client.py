"""How agents and the command talk to the server: one HTTP client, thread-safe, with keep-alive.

It turns answers into values and the server's errors back into the tree of `sweeps.errors`. It must
never try again by itself (a caller knows whether and how long to wait), never read the environment
and never write to disk. Its counterpart is controller/server; what each call answers is described
there, in ARCHITECTURE.md and in the docstrings here.

Every call raises:
    ServerUnreachable   nobody answers, or not within the time limit
    ConfigurationError  the server refuses the API key
    NotAllowed          the key's role does not suffice
    Fenced              409: the attempt is somebody else's now (or the state forbids it)
    NotFoundError, SpecError, UsageError, StoreUnavailable, …   as the server names them
    ServerError         anything else, also an answer that is not from an opensweep server

Numbers: JSON has no NaN and no infinity. Answers to people's programs carry them as the strings
"NaN", "Infinity" and "-Infinity" (as W&B exports them; `float()` reads all three). Between agent
and server they stay numbers, exactly (the literals that Python's json module writes and reads).
"""

from __future__ import annotations

from sweeps.protocol.calls.agents import AgentCalls
from sweeps.protocol.calls.files import FileCalls
from sweeps.protocol.calls.keys import KeyCalls
from sweeps.protocol.calls.people import PeopleCalls
from sweeps.protocol.calls.reports import ReportCalls
from sweeps.protocol.calls.runs import RunCalls
from sweeps.protocol.calls.series import SeriesCalls
from sweeps.protocol.wire import ANSWER_S, CONNECT_S, check_key, check_url

__all__ = ["ANSWER_S", "CONNECT_S", "Client", "check_key", "check_url"]


class Client(PeopleCalls, AgentCalls, RunCalls, SeriesCalls, FileCalls, KeyCalls, ReportCalls):
    """All calls to one server; see `Wire` for its arguments."""
