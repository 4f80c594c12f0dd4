"""One sweep's searcher and stopping rule, behind a fence: what they raise becomes `trouble`.

Both run code that is not ours (any of Optuna's samplers and pruners), and may fail over trials that
nobody foresaw when the sweep was created. That must neither end the controller nor hold up what has
nothing to do with it: orders, ends, trials that are queued again. So the first error is kept, and
from then on nothing is suggested and nobody is judged; whoever holds the mind says so, and makes a
new one later, which is told everything anew. Neighbours: driver.py (asks it), loop.py (says what is
wrong, and tries again).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sweeps.search import Event, Prior, Suggestion, TrialSeen, make_searcher
from sweeps.spec import Method, SweepSpec
from sweeps.stopping import Verdict, make_rule
from sweeps.stopping.base import GO_ON
from sweeps.trial import TrialState

T = TypeVar("T")
_SHOWN = 300
"""Characters of an error's own words that people are shown; the log has all of them."""


class Mind:
    """What suggests and judges. No method raises over what they do; see `trouble`.

    Args:
        spec, seed, prior: as `make_searcher` takes them.

    Attributes:
        trouble: what failed and how, one clause; "" while all is well.
        error: the exception itself; None while all is well.
        proved: it has suggested something since it was made: its searcher works.
    """

    def __init__(self, spec: SweepSpec, seed: int, prior: Iterable[Prior]) -> None:
        self._spec = spec
        self.trouble, self.error = "", None  # type: tuple[str, Exception | None]
        self.proved = False
        self._searcher = self._try("search", lambda: make_searcher(spec, seed, prior), None)
        self._rule = self._try("stopping", lambda: make_rule(spec), None)

    @property
    def judges(self) -> bool:
        """Whether the sweep stops trials early."""
        return self._rule is not None

    # -- the searcher -------------------------------------------------------------------------

    def restore(self, snapshot: Mapping[str, Any] | None, trials: Iterable[TrialSeen]) -> None:
        seen = list(trials)  # whatever reading them raises is no fault of the searcher
        self._search(lambda searcher: searcher.restore(snapshot, seen), None)

    def tell(self, event: Event) -> None:
        self._search(lambda searcher: searcher.tell(event), None)

    def ask(self, count: int) -> tuple[Sequence[Suggestion], Mapping[str, Any]] | None:
        """Suggestions, fewer than `count` where nothing is left to try, and the snapshot that goes
        with them; None: in trouble."""
        told = self._search(lambda searcher: (searcher.ask(count), searcher.snapshot()), None)
        self.proved = self.proved or told is not None
        return told

    @property
    def total(self) -> int | None:
        total: int | None = self._search(lambda searcher: searcher.total, None)
        return total

    # -- the rule -----------------------------------------------------------------------------

    def report(self, number: int, value: float) -> None:
        self._judge(lambda rule: rule.report(number, value), None)

    def close(self, number: int, state: TrialState) -> None:
        self._judge(lambda rule: rule.close(number, state), None)

    def forget(self, number: int) -> None:
        self._judge(lambda rule: rule.forget(number), None)

    def judge(self, number: int) -> Verdict:
        return self._judge(lambda rule: rule.judge(number), GO_ON)

    # -- the fence ----------------------------------------------------------------------------

    def _search(self, call: Callable[[Any], T], otherwise: T) -> T:
        if self._searcher is None or self.trouble:
            return otherwise
        return self._try("search", lambda: call(self._searcher), otherwise)

    def _judge(self, call: Callable[[Any], T], otherwise: T) -> T:
        if self._rule is None or self.trouble:
            return otherwise
        return self._try("stopping", lambda: call(self._rule), otherwise)

    def _try(self, part: str, call: Callable[[], T], otherwise: T) -> T:
        try:
            return call()
        except Exception as error:
            name = _searcher_name(self._spec) if part == "search" else _rule_name(self._spec)
            self.trouble, self.error = f"{name} fails ({in_words(error)})", error
            return otherwise


def in_words(error: BaseException) -> str:
    """`ValueError: popsize must be above 1`, on one line."""
    text = " ".join(str(error).split())
    if len(text) > _SHOWN:
        text = f"{text[:_SHOWN]}…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _searcher_name(spec: SweepSpec) -> str:
    if spec.search is not None and spec.search.sampler is not None:
        return f"Optuna's sampler {spec.search.sampler}"
    if spec.search is not None and spec.method is Method.BAYES:
        return f"the search ({spec.search.type})"
    return f"the search ({spec.method})"


def _rule_name(spec: SweepSpec) -> str:
    early = spec.early_terminate
    if early is None:
        return "the end of segments"
    return f"Optuna's pruner {early.type}" if early.optuna else f"early_terminate ({early.type})"
