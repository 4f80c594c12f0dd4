"""Documents of clients old and new: run, though half of what they ask for may be unknown."""

from __future__ import annotations

import sys
import types

import graphql as core
import pytest

from controller.server.keyring import Caller
from controller.store.keys import Role
from controller.wandb_api import graphql as executor
from controller.wandb_api.context import Door, HttpStatus
from controller.wandb_api.unknown import UNKNOWN
from sweeps.errors import NotFoundError, StoreUnavailable

SDL = """
type Thing { id: ID! size: Int text: JSONString born: DateTime }
extend type Query { thing(name: String, how: Any): Thing  broken: Thing forgotten: Thing }
extend type Mutation { makeThing(input: Any): Thing }
"""


@pytest.fixture
def asked(monkeypatch):
    """The arguments that the resolvers of a small schema were called with."""
    seen = []

    def thing(source, info, **arguments):
        seen.append(arguments)
        return {"id": "1", "size": 2, "text": {"a": [1, None]}, "born": 1.0}

    def broken(source, info):
        raise seen.pop()

    things = types.ModuleType("controller.wandb_api.things")
    things.RESOLVERS = {
        "Query.thing": thing,
        "Query.broken": broken,
        "Mutation.makeThing": thing,
    }
    monkeypatch.setitem(sys.modules, things.__name__, things)
    monkeypatch.setattr(executor, "_MODULES", ("things",))
    build = core.build_schema
    monkeypatch.setattr(core, "build_schema", lambda text, **given: build(text + SDL, **given))
    monkeypatch.setattr(executor, "schema", executor.lru_cache(executor.schema.__wrapped__))
    executor._parse.cache_clear()
    yield seen
    executor._parse.cache_clear()


def run(query, role=Role.WRITE, **variables):
    door = Door(None, Caller("ada", role), "http://here")
    return executor.execute(query, variables, None, door)


def test_inputs_come_as_they_are_whatever_their_types_are_called(asked):
    query = """mutation Make($name: String!, $x: Weird!, $tags: [String!], $level: Level = INFO)
        { makeThing(input: {name: $name, x: $x, tags: $tags, level: $level, n: {m: [1, 2.5]}})
          { id } }"""
    answer = run(query, name="n", x={"deep": [True]}, tags=["t"])
    assert (answer.status, answer.body) == (200, {"data": {"makeThing": {"id": "1"}}})
    x = {"deep": [True]}
    n = {"m": [1, 2.5]}
    assert asked == [{"input": {"name": "n", "x": x, "tags": ["t"], "level": "INFO", "n": n}}]


def test_values_go_out_as_clients_read_them(asked):
    answer = run('query { it: thing(name: "a") { ...F } } fragment F on Thing { text born size }')
    it = {"text": '{"a":[1,null]}', "born": "1970-01-01T00:00:01Z", "size": 2}
    assert answer.body == {"data": {"it": it}}


def test_an_unknown_field_is_left_out_and_counted(asked):
    answer = run("query Odd { thing(newer: 3) { id fancy { a } } }")
    assert answer.body == {"data": {"thing": {"id": "1"}}}
    assert ("Odd", "Thing.fancy") in [each[:2] for each in UNKNOWN.listed()]


def test_an_unknown_root_is_an_error_and_nothing_is_run(asked):
    answer = run("mutation New { makeThing(input: {}) { id } launchRocket { id } }")
    message = 'Cannot query field "launchRocket" on type "Mutation".'
    assert answer.body == {"data": None, "errors": [{"message": message}]}
    assert asked == []
    assert ("New", "launchRocket") in [each[:2] for each in UNKNOWN.listed()]


def test_a_root_that_nobody_answers_is_an_error_too(asked):
    answer = run("query { forgotten { id } }")
    message = 'Cannot query field "forgotten" on type "Query".'
    assert answer.body == {"data": None, "errors": [{"message": message}]}


def test_one_who_may_read_changes_nothing(asked):
    assert run("query { thing { id } }", Role.READ).status == 200
    answer = run("mutation { makeThing(input: {}) { id } }", Role.READ)
    assert answer.status == 403
    assert "role read, and this needs write" in answer.body["errors"][0]["message"]


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (NotFoundError("there is no such thing"), 200, "no such thing"),
        (HttpStatus(404, "gone"), 404, "gone"),
        (StoreUnavailable("the database is locked"), 503, "locked"),
        (RuntimeError("secret"), 500, "the server made a mistake"),
    ],
)
def test_errors_are_told(asked, error, status, says):
    asked.append(error)
    answer = run("query { broken { id } }")
    assert answer.status == status
    assert says in answer.body["errors"][0]["message"]
    assert "secret" not in str(answer.body)


@pytest.mark.parametrize(
    "query", ["", "query {", "query A { thing { id } } query B { thing { id } }"]
)
def test_what_is_no_document_is_refused(asked, query):
    answer = run(query)
    assert answer.status == 400
    assert answer.body["errors"]


def test_introspection_tells_old_clients_what_there_is(asked):
    answer = run('query { q: __type(name: "Query") { fields { name } } }')
    assert {"name": "thing"} in answer.body["data"]["q"]["fields"]
