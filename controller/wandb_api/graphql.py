"""Runs GraphQL documents over the schema in schema/*.graphql.

Clients of ten years ask here, each in its own words, so a document is not validated as a whole:
a field that the schema does not have is left out of the answer (and counted), unless it is one of
the roots, which is an error; a variable of a type that we do not know is taken as it is. What
clients send is told by root fields, never by the names of their operations.

Resolvers come from the modules in `_MODULES`: each has RESOLVERS, {"Type.field": function}, and a
function is called as f(source, info, **arguments) in a worker thread; "Type.__typename" of an
interface or a union is called as f(source), and names the type. Neighbours: context.py (what they
are given), unknown.py (what is counted).
"""

from __future__ import annotations

import importlib
import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, wraps
from typing import Any

import graphql
import orjson
from graphql.language import (
    DocumentNode,
    FieldNode,
    NamedTypeNode,
    NameNode,
    OperationType,
    VariableDefinitionNode,
    Visitor,
    visit,
)
from graphql.utilities import TypeInfo, TypeInfoVisitor, value_from_ast_untyped

from controller.server.auth import require
from controller.store.keys import Role
from controller.wandb_api.context import AskAgain, Door, HttpStatus
from controller.wandb_api.unknown import UNKNOWN
from sweeps.errors import BrokerError, NotAllowed, OpensweepError, StoreUnavailable, UsageError

log = logging.getLogger(__name__)

_MODULES: tuple[str, ...] = (
    "people.users",
    "runs.fields",
    "runs.history",
    "runs.log_lines",
    "runs.buckets",
    "runs.resuming",
    "runs.changes",
    "runs.alerts",
    "files.fields",
    "sweeps.fields",
    "sweeps.changes",
    "sweeps.agents",
    "sweeps.agent_lists",
    "artifacts.objects",
    "artifacts.finding",
    "artifacts.making",
    "artifacts.changing",
    "artifacts.registry",
    "elsewhere",
)
"""Those with RESOLVERS, below controller.wandb_api."""

MOST_TOKENS = 20_000
"""A document may not be longer (the longest of known clients has 1,000)."""
_PLAIN = frozenset({"String", "Int", "Float", "Boolean", "ID"})
_STATUS = ((StoreUnavailable, 503), (BrokerError, 503), (NotAllowed, 403))


@dataclass(frozen=True)
class Answer:
    """Attributes:
    status: of HTTP.
    body: {"data": …, "errors": [{"message": …, "path": …}]}.
    again_s: not None: it is no answer yet; the request is to be executed again after so long.
    """

    status: int
    body: dict[str, Any]
    again_s: float | None = None


@dataclass(frozen=True)
class _Document:
    tree: DocumentNode
    mutates: bool
    name: str
    unknown_roots: tuple[str, ...]
    unknown_fields: tuple[str, ...]


def execute(
    query: str, variables: Mapping[str, Any] | None, operation: str | None, door: Door
) -> Answer:
    """Answers one request. Never raises: what goes wrong is in the answer."""
    try:
        document = _parse(query, operation)
    except graphql.GraphQLError as error:
        return _failed(400, error.message)
    if document.unknown_roots or document.unknown_fields:
        UNKNOWN.count(document.name, (*document.unknown_roots, *document.unknown_fields))
    if document.unknown_roots:
        kind = "Mutation" if document.mutates else "Query"
        return _failed(
            200,
            *(f'Cannot query field "{name}" on type "{kind}".' for name in document.unknown_roots),
        )
    try:
        if document.mutates:
            require(door.caller, Role.WRITE)
    except NotAllowed as error:
        return _failed(403, str(error))
    result = graphql.execute_sync(
        schema(),
        document.tree,
        context_value=door,
        variable_values=dict(variables or {}),
        operation_name=operation or None,
    )
    status, errors = 200, []
    for each in result.errors or ():
        if isinstance(each.original_error, AskAgain):
            return Answer(503, {"data": None}, each.original_error.after_s)
        code, message = _told(each, document.name)
        status = max(status, code)
        errors.append({"message": message, "path": each.path})
    body: dict[str, Any] = {"data": result.data}
    if errors:
        body["errors"] = errors
    return Answer(status, body)


def _told(error: graphql.GraphQLError, name: str) -> tuple[int, str]:
    """(status, sentence) for the client. A fault of ours goes to the log alone."""
    cause = error.original_error
    if isinstance(cause, HttpStatus):
        return cause.status, str(cause)
    for kind, status in _STATUS:
        if isinstance(cause, kind):
            return status, str(cause)
    if cause is None or isinstance(cause, (OpensweepError, graphql.GraphQLError)):
        return 200, error.message
    log.error("GraphQL operation %s failed at %s", name, error.path, exc_info=cause)
    return 500, "the server made a mistake; its log says which"


def _failed(status: int, *messages: str) -> Answer:
    return Answer(status, {"data": None, "errors": [{"message": each} for each in messages]})


# -- documents -------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _parse(query: str, operation: str | None) -> _Document:
    """Raises GraphQLError for what is no document, or one with several operations and no name."""
    tree = graphql.parse(query, max_tokens=MOST_TOKENS, no_location=True)
    tree = visit(tree, _AnyVariables())
    found = graphql.get_operation_ast(tree, operation or None)
    if found is None:
        raise graphql.GraphQLError("the document has no operation of that name, or several")
    looking = _Unknown(TypeInfo(schema()))
    visit(tree, TypeInfoVisitor(looking.type_info, looking))
    nodes = found.selection_set.selections
    roots = [node.name.value for node in nodes if isinstance(node, FieldNode)]
    return _Document(
        tree,
        found.operation is OperationType.MUTATION,
        found.name.value if found.name else ", ".join(roots),
        tuple(dict.fromkeys(looking.roots)),
        tuple(dict.fromkeys(looking.fields)),
    )


class _AnyVariables(Visitor):
    """Takes every variable whose type is more than a plain one as it comes."""

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
        return VariableDefinitionNode(
            variable=node.variable,
            type=visit(node.type, _AnyType()),
            default_value=node.default_value,
            directives=node.directives,
        )


class _AnyType(Visitor):
    def enter_named_type(self, node: NamedTypeNode, *_: Any) -> Any:
        if node.name.value in _PLAIN:
            return None
        return NamedTypeNode(name=NameNode(value="Any"))


class _Unknown(Visitor):
    """Gathers the fields that the schema does not have."""

    def __init__(self, type_info: TypeInfo) -> None:
        super().__init__()
        self.type_info = type_info
        self.roots: list[str] = []
        self.fields: list[str] = []

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self.type_info.get_parent_type()
        if parent is None or self.type_info.get_field_def() is not None:
            return
        if parent.name in ("Query", "Mutation"):
            self.roots.append(node.name.value)
        else:
            self.fields.append(f"{parent.name}.{node.name.value}")


# -- the schema ------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def schema() -> graphql.GraphQLSchema:
    """The schema with its resolvers. Raises ValueError for a resolver of a field that is not in
    it."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schema")
    texts = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            texts.append(file.read())
    made = graphql.build_schema("\n".join(texts), assume_valid=True)
    for name, outwards in _SCALARS.items():
        scalar = made.type_map[name]
        for function, names in ((outwards, _OUT), (_same, _IN), (_literal, _WRITTEN)):
            for each in names:
                setattr(scalar, each, function)
    for module in _MODULES:
        found = importlib.import_module(f"controller.wandb_api.{module}")
        for place, resolver in found.RESOLVERS.items():
            _attach(made, place, resolver)
    for root in (made.query_type, made.mutation_type):
        _drop_unanswered(root)
    return made


def _drop_unanswered(root: graphql.GraphQLObjectType | None) -> None:
    """A root without a resolver is none: its null would be taken for an answer."""
    assert root is not None  # noqa: S101
    for name in [name for name, field in root.fields.items() if field.resolve is None]:
        del root.fields[name]


def _attach(made: graphql.GraphQLSchema, place: str, resolver: Callable[..., Any]) -> None:
    type_name, _, field_name = place.partition(".")
    kind = made.type_map.get(type_name)
    if field_name == "__typename" and isinstance(
        kind, (graphql.GraphQLInterfaceType, graphql.GraphQLUnionType)
    ):
        kind.resolve_type = lambda value, _info, _kind: resolver(value)
        return
    field = kind.fields.get(field_name) if isinstance(kind, graphql.GraphQLObjectType) else None
    if field is None:
        raise ValueError(f"the schema has no {place}")
    field.resolve = _with_an_object(resolver) if "input" in field.args else resolver


def _with_an_object(resolver: Callable[..., Any]) -> Callable[..., Any]:
    """`resolver`, told its input only where that is an object, as every client's is."""

    @wraps(resolver)
    def resolve(source: Any, info: Any, **arguments: Any) -> Any:
        if not isinstance(arguments.get("input", {}), dict):
            raise UsageError("input: expected an object")
        return resolver(source, info, **arguments)

    return resolve


def _json_text(value: Any) -> str:
    """JSON inside JSON: text goes out as it is, anything else is written here."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _time(value: Any) -> str:
    """ISO 8601 in UTC, from seconds since the epoch."""
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        raise graphql.GraphQLError("a time that is none")
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _same(value: Any) -> Any:
    return value


def _literal(node: Any, variables: Any = None) -> Any:
    return value_from_ast_untyped(node, variables)


# What graphql-core 3.2 and 3.3 call the ways of a value: out, in, and in from a document's text.
_OUT = ("serialize", "coerce_output_value")
_IN = ("parse_value", "coerce_input_value")
_WRITTEN = ("parse_literal", "coerce_input_literal")
_SCALARS: dict[str, Callable[[Any], Any]] = {
    "Any": _same,
    "JSON": _same,
    "Int64": _same,
    "Duration": _same,
    "JSONString": _json_text,
    "DateTime": _time,
}
