"""watch: histograms of a PyTorch model's gradients and parameters, beside the metrics of a step.

Works by torch's own hooks, and torch itself counts: on a step that is not due, a gradient costs
one call of a small function. torch is never imported here; whatever goes wrong in a hook is a
warning, never an exception in the training loop. Neighbours: reach.py calls this;
media/tensors.py counts.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Callable, Sequence

from logging_core.errors import UsageError
from logging_core.media.graph import Graph
from logging_core.media.histogram import Histogram
from logging_core.media.libraries import comes_from
from logging_core.media.tensors import histogram

if TYPE_CHECKING:
    from logging_core.fate import Fate
    from logging_core.run import Run

_BINS = 64
_WHAT = ("gradients", "parameters", "all", None)


def watch(
    run: Run,
    models: Any,
    criterion: Any = None,
    log: str | None = "gradients",
    log_freq: int = 1000,
    idx: int | None = None,
    log_graph: bool = False,
) -> list[Graph]:
    """See Reach.watch. Watching a model again replaces what was asked of it before.

    Names are W&B's: "gradients/<parameter>", with "graph_1" before it for the second model, and so
    on (`idx` counts from elsewhere). Returns the graphs that `log_graph` asks for; the first
    forward pass fills and logs them. Raises UsageError.
    """
    del criterion  # W&B's; a forward pass shows the graph as well
    if log not in _WHAT:
        raise UsageError(f"watch(log={log!r}): it takes 'gradients', 'parameters', 'all' or None")
    if log_freq < 1:
        raise UsageError(f"watch(log_freq={log_freq}): it takes 1 (every step) or more")
    given = list(models) if isinstance(models, (tuple, list)) else [models]
    for model in given:
        if not comes_from(model, "torch") or not hasattr(model, "named_parameters"):
            raise UsageError(f"watch() takes models of PyTorch, not {type(model).__name__}")
    if run.disabled:
        return []
    watcher = _watchers.get(run)
    if watcher is None:
        watcher = _watchers[run] = _Watcher(run)
    graphs = []
    for offset, model in enumerate(given):
        number = watcher.number(model) if idx is None else idx + offset
        prefix = f"graph_{number}" if number else ""
        watcher.remove([model])
        watcher.add(model, prefix, log, log_freq)
        if log_graph:
            graphs.append(watcher.draw(model, f"graph_{number}"))
    return graphs


def unwatch(run: Run, models: Any = None) -> None:
    """See Reach.unwatch. A model that is not watched is passed over."""
    watcher = _watchers.get(run)
    if watcher is not None:
        one = models is None or isinstance(models, (tuple, list))
        watcher.remove(models if one else [models])


class _Frozen:
    """The parameters of a model that get no gradient, and how often they were logged."""

    def __init__(self, parameters: Sequence[tuple[str, Any]]) -> None:
        self.parameters = parameters
        self.rounds = 0


class _Watcher:
    """The hooks of one run; they go when it finishes."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._hooks: dict[int, list[Any]] = {}  # id of a model -> torch's handles
        self._numbers: dict[int, int] = {}  # id of a model -> how many came before it
        finished = run._on_finish

        def let_go(run: Run, waits: bool) -> Fate | None:
            self.remove(None)
            return finished(run, waits)

        run._on_finish = let_go

    def number(self, model: Any) -> int:
        return self._numbers.setdefault(id(model), len(self._numbers))

    def add(self, model: Any, prefix: str, log: str | None, log_freq: int) -> None:
        """Parameters are looked at when their gradient comes: a hook on the forward pass would be
        compiled with the model. Frozen ones go with the first gradient of a round."""
        if log is None:
            return
        handles = self._hooks.setdefault(id(model), [])
        gradients, parameters = log != "parameters", log != "gradients"
        found = [(prefix + name, each) for name, each in model.named_parameters()]
        frozen = _Frozen([pair for pair in found if parameters and not pair[1].requires_grad])
        for name, parameter in found:
            if parameter.requires_grad:
                own = parameter if parameters else None
                hook = self._hook(name, gradients, own, frozen, log_freq)
                handles.append(parameter.register_hook(hook))
        if not handles and frozen.parameters:
            hook = self._hook("", False, None, frozen, log_freq)
            handles.append(model.register_forward_hook(lambda *_passed: hook(None)))

    def remove(self, models: Sequence[Any] | None) -> None:
        found = list(self._hooks) if models is None else [id(model) for model in models]
        for each in found:
            for handle in self._hooks.pop(each, ()):
                handle.remove()

    def draw(self, model: Any, key: str) -> Graph:
        """The graph of the layers, in the order in which the next forward pass uses them."""
        graph = Graph("torch")
        handles: list[Any] = []

        def drawn(_model: Any, _inputs: Any, _output: Any) -> None:
            for handle in handles:
                handle.remove()
            self._log(key, lambda made: made, graph)

        for name, layer in model.named_modules():
            if not any(True for _ in layer.children()):
                handles.append(layer.register_forward_hook(_node_hook(graph, name)))
        handles.append(model.register_forward_hook(drawn))
        self._hooks.setdefault(id(model), []).extend(handles)
        return graph

    def _hook(
        self, name: str, gradients: bool, parameter: Any, frozen: _Frozen, log_freq: int
    ) -> Callable[[Any], None]:
        left, rounds = log_freq, 0

        def gradient_came(gradient: Any) -> None:
            nonlocal left, rounds
            left -= 1
            if left:
                return
            left = log_freq
            rounds += 1
            if gradients:
                self._log(f"gradients/{name}", _histogram, gradient)
            if parameter is not None:
                self._log(f"parameters/{name}", _histogram, parameter)
            if rounds > frozen.rounds:
                frozen.rounds = rounds
                for each, still in frozen.parameters:
                    self._log(f"parameters/{each}", _histogram, still)

        return gradient_came

    def _log(self, name: str, make: Callable[[Any], Any], of: Any) -> None:
        run = self._run
        try:
            made = make(of)
            if made is not None:
                run.log({name: made}, commit=False)
        except Exception as error:  # torch has many errors, and training goes on
            run._journal.warn_once(f"watch: {name} is not logged: {error}", about="watch")


def _histogram(tensor: Any) -> Histogram | None:
    """None when there is nothing finite to count, or nothing there yet (a lazy layer)."""
    if tensor is None or getattr(tensor, "is_meta", False) or not tensor.numel():
        return None
    counts, edges = histogram(tensor, _BINS)
    return Histogram(np_histogram=(counts, edges)) if any(counts) else None


def _node_hook(graph: Graph, name: str) -> Callable[[Any, Any, Any], None]:
    def passed_forward(layer: Any, _inputs: Any, output: Any) -> None:
        if id(layer) in graph.nodes_by_id:
            return
        sizes = [(each, list(parameter.shape)) for each, parameter in layer.named_parameters()]
        node = graph.add_node(
            id=id(layer),
            name=name,
            class_name=str(layer),
            output_shape=_shape(output),
            parameters=sizes,
            num_parameters=[parameter.numel() for parameter in layer.parameters()],
        )
        if len(graph.nodes) > 1:
            graph.add_edge(graph.nodes[-2], node)

    return passed_forward


def _shape(output: Any) -> Any:
    if isinstance(output, (list, tuple)):
        return [_shape(each) for each in output]
    return [list(output.shape)] if hasattr(output, "shape") else []


_watchers: weakref.WeakKeyDictionary[Run, _Watcher] = weakref.WeakKeyDictionary()
