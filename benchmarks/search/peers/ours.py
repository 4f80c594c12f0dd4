"""This project's searcher and stopping rule, driven as `sweeps.simulate` drives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.search.peers import Peer, Setting
from benchmarks.search.space import Config, Parameter, Space, pruned
from sweeps.analysis.advice import Trial, advise
from sweeps.search import Ended, Reported, Suggested, make_searcher
from sweeps.spec import spec_from_mapping
from sweeps.stopping import make_rule
from sweeps.trial import Reason, TrialState


def make(space: Space, setting: Setting, file: Mapping[str, Any] | None = None) -> Peer:
    """`file`: keys of the sweep file besides `metric` and `parameters`; "${epochs}" in it stands
    for the length of a trial."""
    return Ours(space, setting, _filled(file or {}, setting.epochs))


def _filled(value: Any, epochs: int) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(inner, epochs) for key, inner in value.items()}
    return epochs if value == "${epochs}" else value


class Ours(Peer):
    def __init__(self, space: Space, setting: Setting, file: Mapping[str, Any]) -> None:
        super().__init__(space, setting)
        spec = spec_from_mapping(
            {
                "method": "bayes",
                "metric": {"name": "loss", "goal": "minimize"},
                "parameters": {p.name: _parameter(p) for p in space},
                **file,
            }
        )
        self._spec = spec
        self._searcher = make_searcher(spec, setting.seed)
        self._rule = make_rule(spec)
        self._lowest: dict[int, float] = {}
        self._configs: dict[int, Config] = {}
        self._ended: list[Trial] = []

    def ask(self, number: int) -> Config:
        (suggestion,) = self._searcher.ask(1)
        if suggestion.number != number:
            raise ValueError(f"trial {number} was suggested as {suggestion.number}")
        self._configs[number] = suggestion.config
        return pruned(self.space, suggestion.config)  # W&B's q_log_uniform_values are floats

    def report(self, number: int, epoch: int, value: float) -> bool:
        self._lowest[number] = min(value, self._lowest.get(number, value))
        self._searcher.tell(Reported(number, epoch, value))
        if self._rule is None:
            return False
        self._rule.report(number, value)
        return self._rule.judge(number).stop

    def tell(self, number: int, value: float, *, stopped: bool) -> None:
        state = TrialState.STOPPED if stopped else TrialState.FINISHED
        if self._rule is not None:
            self._rule.close(number, state)
        reason = Reason.EARLY_STOP if stopped else Reason.OK
        lowest = self._lowest.get(number, value)
        self._searcher.tell(Ended(number, state, lowest, reason=reason, seconds=self.took))
        self._ended.append(Trial(number, self._configs.pop(number), str(state), lowest))

    def best(self) -> int | None:
        """As the sweep's advice names it: not the luckiest value under noise."""
        found = advise(self._spec, self._ended, 0)["best"]
        return int(found[0]["number"]) if found else None

    def learn(self, number: int, config: Config, value: float | None) -> None:
        self._searcher.tell(Suggested(number, config))
        if value is not None:
            self._searcher.tell(Ended(number, TrialState.FINISHED, value))


def _parameter(p: Parameter) -> dict[str, Any]:
    if p.kind == "choice":
        made: dict[str, Any] = {"values": list(p.choices)}
    elif p.kind == "integer":
        made = {
            "distribution": "q_log_uniform_values" if p.log else "int_uniform",
            "min": int(p.low),
            "max": int(p.high),
        }
    else:
        named = "log_uniform_values" if p.log else "uniform"
        made = {"distribution": named, "min": p.low, "max": p.high}
    if p.when:
        made["when"] = {parent: list(values) for parent, values in p.when}
    return made
