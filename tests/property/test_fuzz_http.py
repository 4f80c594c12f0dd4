"""Requests of every route, right and wrong: an answer comes, it is no fault of ours, and what the
request does not name is as it was.

Names of fields are taken from the code, so that a new route is looked at from its first day on.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import graphql
import pytest
from depth import examples
from fuzz_world import World, running
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from controller import record
from controller.store.records import NewRun, NewTrial
from controller.wandb_api.graphql import schema
from controller.wandb_api.ids import global_id
from sweeps.errors import NotFoundError
from sweeps.trial import SweepState

ROOT = Path(__file__).resolve().parents[2]
SWEEP_FILE = """
program: train.py
method: random
metric: {name: loss, goal: minimize}
parameters: {x: {min: 0.0, max: 1.0}}
"""
patient = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)

_FIELD = re.compile(
    r"""(?:\.(?:text|optional_text|whole|optional_whole|optional_number|number|mapping
|optional_mapping|has|flag|texts|objects|get)\(\s*|\[)["']([A-Za-z_]+)["']""",
    re.X,
)


def _field_names() -> list[str]:
    files = [*ROOT.glob("controller/server/*.py"), *ROOT.glob("controller/wandb_api/**/*.py")]
    return sorted({name for file in files for name in _FIELD.findall(file.read_text())})


class Place:
    """A server with a little of everything; ids of what may be touched, and what may not."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bystander = self._sweep()
        self.sweeps = [self._sweep(), self._sweep()]
        self.trials = [f"{sweep}-{n}" for sweep in self.sweeps for n in (1, 2)]
        self.runs = ["run1", "run2"]
        self.likely = {
            "sweep_id": self.sweeps,
            "trial_id": self.trials,
            "run_id": self.runs + self.trials,
            "run": self.runs + self.trials,
            "entity": ["opensweep"],
            "project": ["p"],
            "action": ["pause", "resume", "stop", "cancel"],
        }
        names = ["opensweep", "p", "opensweep/p", "loss", "d:v0", "d:latest"]
        self.ids = [*names, *self.runs, *self.sweeps, *self.trials]
        self.ids += [global_id("Run", run) for run in self.runs]
        self.ids += [global_id("Sweep", sweep) for sweep in self.sweeps]
        self.ids += [global_id("Project", "p"), global_id("Artifact", "a")]
        self._register("bystander")
        self.mend()
        self.before = self.seen()

    def _register(self, run: str) -> None:
        self.world.store.register_run(NewRun(run, f"uid-{run}", project="p", started=1.0))

    def mend(self) -> None:
        """Makes the runs that may be deleted, again."""
        for run in self.runs:
            try:
                self.world.store.get_run(run)
            except NotFoundError:
                self._register(run)

    def _sweep(self) -> str:
        store = self.world.store
        sweep, _ = record.create_sweep(store, SWEEP_FILE, origin={}, project="p")
        store.set_sweep_state(sweep.id, SweepState.RUNNING)
        generation = store.take_sweep(sweep.id, "test", 3600)
        assert generation is not None
        store.add_trials(sweep.id, generation, [NewTrial(n, {"x": 0.5}) for n in (1, 2)], {})
        for n in (1, 2):
            store.start_attempt(f"{sweep.id}-{n}", 1, agent_id="a", host="h", device="")
        return sweep.id

    def seen(self) -> Any:
        store = self.world.store
        trials = store.trials(self.bystander)
        return (
            store.get_sweep(self.bystander).state,
            trials,
            [store.attempts(trial.id) for trial in trials],
            store.get_run("bystander"),
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with pytest.MonkeyPatch.context() as patch, running(tmp_path_factory.mktemp("fuzz")) as world:
        patch.setattr("controller.wandb_api.sweeps.agents.PAUSES_S", (0.001,))
        place = Place(world)
        yield place
        assert place.seen() == place.before, "a request changed what it did not name"


numbers = st.one_of(
    st.integers(-2, 5),
    st.sampled_from([2**31, 2**63, -(2**63) - 1, 10**30, 1e308]),
    st.floats(),
)
words = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", ".", "..", "../../etc", "a/../b", "\0", "\ud800", "%00", "a" * 5000, "é"]),
    st.sampled_from(["running", "finished", "stop", "latest", "0", "-1", "1e9", "{}", "[", "true"]),
    st.sampled_from(['{"$and": [{"state": "running"}]}', "+created_at", "-summary_metrics.loss"]),
)


def values(ids: list[str]) -> st.SearchStrategy[Any]:
    leaves = st.one_of(
        st.sampled_from(ids), words, numbers, st.booleans(), st.none(), st.sampled_from(["0" * 64])
    )
    names = st.one_of(st.sampled_from(_field_names()), words)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)
        ),
        max_leaves=8,
    )


def routes() -> list[tuple[str, str]]:
    from controller.server import app

    return sorted((method, path) for m in app._MODULES for method, path, _ in m.ROUTES)


@pytest.mark.timeout(600)
def test_every_route(place: Place) -> None:
    anything, names = values(place.ids), st.sampled_from(_field_names())
    some = st.one_of(st.sampled_from(place.ids), words.filter(bool), st.just("1"))

    def named(draw: st.DrawFn, what: str) -> str:
        """A part of a path: mostly one that there is."""
        likely = place.likely.get(what)
        given = draw(st.sampled_from(likely)) if likely and draw(st.integers(0, 3)) else draw(some)
        return quote(given, safe="", errors="replace")

    @st.composite
    def requests(draw: st.DrawFn) -> tuple[str, str, str, bytes]:
        method, path = draw(st.sampled_from(routes()))
        path = re.sub(r"\{(\w+)(:path)?\}", lambda m: named(draw, m[1]), path)
        pairs = draw(st.lists(st.tuples(names, some | numbers.map(str)), max_size=5))
        query = urlencode(pairs, errors="replace")
        body = draw(
            st.one_of(
                st.dictionaries(names, anything, max_size=8).map(json.dumps),
                anything.map(json.dumps),
                st.sampled_from(["", "{", "[" * 100_000, '{"a":' * 50_000]),
                st.binary(max_size=60),
            )
        )
        return method, path, query, body.encode() if isinstance(body, str) else body

    @settings(patient, max_examples=examples(300))
    @given(requests())
    def check(request: tuple[str, str, str, bytes]) -> None:
        method, path, query, body = request
        place.mend()
        answer = place.world.ask(method, path, query, body)
        assert 200 <= answer.status < 500, answer

    check()


# -- requests of the right shape -------------------------------------------------------------------


def bodies(place: Place) -> dict[str, dict[str, Any]]:
    """What the routes take whose bodies are more than a field or two."""
    sweep, trial = place.sweeps[1], place.trials[0]
    outcome = {
        "state": "finished", "reason": "ok", "detail": "", "exit_code": 0, "signal": None
    }  # fmt: skip
    return {
        "/api/sweeps": {"yaml": SWEEP_FILE, "path": "s.yaml", "cwd": "/", "host": "h"},
        "/api/agent/start": {
            "trial_id": trial, "token": 1, "agent_id": "a", "host": "h", "device": "", "pid": 1
        },
        "/api/agent/finish": {
            "trial_id": trial, "token": 1, "outcome": outcome, "summary": {"loss": 1.0},
            "logged_keys": ["loss"], "config": {"x": 1}, "metadata": {"host": "h"}, "seconds": 1.5
        },
        "/api/runs": {
            "id": "run3", "run_id": "run3", "uid": "u", "project": "p", "entity": "opensweep",
            "name": "n", "config": {"a": 1}, "metadata": {}, "started": 1.0, "resume": "allow",
        },
        "/api/runs/run1/describe": {"writer": 1, "summary": {}, "config": {}, "metadata": {}},
        "/api/runs/run1/end": {"writer": 1, "exit_code": 0, "seconds": 1.0, "summary": {}},
        "/api/runs/run1/edit": {"name": "n", "tags": ["a"], "notes": "", "config": {}},
        "/api/runs/run1/alerts": {
            "writer": 1, "id": "x", "title": "t", "text": "", "level": "INFO"
        },
        "/api/runs/run1/files": {
            "writer": 1, "files": [{"path": "a", "digest": "0" * 64, "size": 1}]
        },
        "/api/runs/run1/uses": {"artifact": "d:v0", "use_as": "x"},
        "/api/artifacts": {
            "project": "opensweep/p", "name": "d", "type": "t", "digest": "0" * 64, "run": "run1",
            "manifest": "0" * 64, "aliases": ["latest"], "metadata": {}, "description": "",
        },
        "/api/series": {"runs": ["run1"], "keys": ["loss"], "points": 10},
        "/api/keys": {"user": "ada", "role": "read", "description": ""},
        f"/api/sweeps/{sweep}/stop": {},
        f"/api/sweeps/{sweep}/enqueue": {"configs": [{"x": 0.5}, {}], "key": "k"},
        f"/api/sweeps/{sweep}/retry": {"trials": [trial]},
        "/files/opensweep/p/run1/file_stream": {
            "files": {
                "wandb-history.jsonl": {"offset": 0, "content": ['{"_step": 0, "loss": 1.0}']},
                "wandb-summary.json": {"offset": 0, "content": ['{"loss": 1.0}']},
                "wandb-events.jsonl": {"offset": 0, "content": ['{"system.cpu": 1.0}']},
                "output.log": {"offset": 0, "content": ["2026-01-01T00:00:00 hello\\n"]},
            },
            "uploaded": [], "complete": False, "exitcode": 0, "dropped": 0, "preempting": False,
        },
    }  # fmt: skip


def mutated(draw: st.DrawFn, value: Any, other: st.SearchStrategy[Any]) -> Any:
    """`value` with something in it changed, left out, or added."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        changed = dict(value)
        match draw(st.integers(0, 9)):
            case 0:
                del changed[name]
            case 1:
                changed[draw(words)] = draw(other)
            case _:
                changed[name] = mutated(draw, value[name], other)
        return changed
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        return [*value[:-1], mutated(draw, value[-1], other)]
    if isinstance(value, str) and value and draw(st.booleans()):
        at = draw(st.integers(0, len(value)))
        return value[:at] + draw(words) + value[at + draw(st.integers(0, 5)) :]
    return draw(other)


@pytest.mark.timeout(600)
def test_bodies_that_are_nearly_right(place: Place) -> None:
    anything, whole = values(place.ids), bodies(place)

    @st.composite
    def requests(draw: st.DrawFn) -> tuple[str, bytes]:
        path = draw(st.sampled_from(sorted(whole)))
        body = whole[path]
        for _ in range(draw(st.integers(0, 3))):
            body = mutated(draw, body, anything)
        return path, json.dumps(body).encode()

    @settings(patient, max_examples=examples(300))
    @given(requests())
    def check(request: tuple[str, bytes]) -> None:
        path, body = request
        place.mend()
        answer = place.world.ask("POST", path, body=body)
        assert 200 <= answer.status < 500, answer

    check()


# -- GraphQL ---------------------------------------------------------------------------------------


class Documents:
    """Draws documents over the whole schema, with arguments of the right type and of wrong ones."""

    def __init__(self, ids: list[str]) -> None:
        self._ids, self._any = ids, values(ids)

    def draw(self, draw: st.DrawFn) -> dict[str, Any]:
        kind = draw(st.sampled_from([schema().query_type, schema().mutation_type]))
        assert kind is not None
        self._variables: dict[str, Any] = {}
        self._types: dict[str, str] = {}
        name = draw(st.sampled_from(sorted(kind.fields)))
        field = self._field(draw, name, kind.fields[name], 0)
        declared = ", ".join(f"${name}: {type_}" for name, type_ in self._types.items())
        word = "query" if kind is schema().query_type else "mutation"
        query = f"{word} It{f'({declared})' if declared else ''} {{ {field} }}"
        return {"query": query, "variables": self._variables, "operationName": "It"}

    def _field(self, draw: st.DrawFn, name: str, field: graphql.GraphQLField, depth: int) -> str:
        told = []
        for each, argument in field.args.items():
            if graphql.is_non_null_type(argument.type) or draw(st.booleans()):
                variable = f"v{len(self._types)}"
                self._types[variable] = str(argument.type)
                if each == "input":
                    self._variables[variable] = self._input(draw, field)
                else:
                    self._variables[variable] = self._value(draw, argument.type)
                told.append(f"{each}: ${variable}")
        arguments = f"({', '.join(told)})" if told else ""
        return f"{name}{arguments}{self._selection(draw, field.type, depth)}"

    def _selection(self, draw: st.DrawFn, type_: Any, depth: int) -> str:
        named = graphql.get_named_type(type_)
        if graphql.is_union_type(named):
            return " { __typename }"
        if not isinstance(named, graphql.GraphQLObjectType | graphql.GraphQLInterfaceType):
            return ""
        leaves = [n for n, f in named.fields.items() if self._leaf(f) and not f.args]
        inner = [n for n in named.fields if n not in leaves] if depth < 4 else []
        chosen = draw(st.lists(st.sampled_from(inner), max_size=2, unique=True)) if inner else []
        fields = [self._field(draw, n, named.fields[n], depth + 1) for n in chosen]
        return f" {{ {' '.join(['__typename', *leaves, *fields])} }}"

    def _input(self, draw: st.DrawFn, field: graphql.GraphQLField) -> Any:
        """An object with names that the resolver's module knows."""
        source = inspect.getsource(inspect.getmodule(field.resolve))
        names = sorted(set(_FIELD.findall(source)))
        if not names or draw(st.integers(0, 19)) == 0:
            return draw(self._any)
        likely = st.one_of(st.sampled_from(self._ids), words, numbers, self._any)
        return draw(st.dictionaries(st.sampled_from(names), likely, max_size=len(names)))

    @staticmethod
    def _leaf(field: graphql.GraphQLField) -> bool:
        return graphql.is_leaf_type(graphql.get_named_type(field.type))

    def _value(self, draw: st.DrawFn, type_: Any) -> Any:
        if draw(st.integers(0, 11)) == 0:
            return draw(self._any)
        if graphql.is_non_null_type(type_):
            return self._value(draw, type_.of_type)
        if graphql.is_list_type(type_):
            return [self._value(draw, type_.of_type) for _ in range(draw(st.integers(0, 2)))]
        if isinstance(type_, graphql.GraphQLInputObjectType):
            return {
                name: self._value(draw, field.type)
                for name, field in type_.fields.items()
                if graphql.is_non_null_type(field.type) or draw(st.booleans())
            }
        if isinstance(type_, graphql.GraphQLEnumType):
            return draw(st.sampled_from(sorted(type_.values)))
        match type_.name:
            case "Int" | "Int64" | "Float" | "Duration":
                return draw(numbers)
            case "Boolean":
                return draw(st.booleans())
            case "JSON" | "JSONString" | "Any":
                return draw(st.one_of(self._any.map(json.dumps), self._any))
            case _:
                return draw(
                    st.one_of(st.sampled_from(self._ids), st.sampled_from(self._ids), words)
                )


@pytest.mark.timeout(600)
def test_graphql(place: Place) -> None:
    documents = Documents(place.ids)

    @settings(patient, max_examples=examples(300))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        document = documents.draw(data.draw)
        answer = place.world.ask("POST", "/graphql", body=json.dumps(document).encode())
        assert 200 <= answer.status < 500, answer

    check()


@pytest.mark.timeout(600)
def test_words_that_are_no_document(place: Place) -> None:
    @settings(patient, max_examples=examples(60))
    @given(st.text(alphabet="{}()[]$:!@# .\"'\\\nquermtaion0123é", max_size=80))
    def check(text: str) -> None:
        body = json.dumps({"query": text}).encode()
        assert 200 <= place.world.ask("POST", "/graphql", body=body).status < 500

    check()
