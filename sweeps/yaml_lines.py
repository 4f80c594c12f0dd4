"""YAML text to plain JSON-like values, with the line of every key: the front of `sweeps.spec`.

PyYAML reads the text; what W&B users write decides the rest:
- `1e-3` and `1.0e5` are numbers. PyYAML follows YAML 1.1 to the letter, where a float needs a
  point and a signed exponent, and would give the text "1e-3".
- A key `on`, `off`, `yes` or `no` is that word (`retry: {on: [crash]}`), not a bool.
- Dates stay text: a sweep's values must be JSON.

Never builds an object other than dict, list, str, int, float, bool and None, never lets an alias
multiply into more than MAX_VALUES values, and raises nothing but SpecError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from sweeps.errors import SpecError

KeyPath = tuple[str | int, ...]
"""Keys and list indices that lead to a value, outermost first."""

MAX_CHARACTERS = 1_000_000
MAX_VALUES = 500_000
MAX_DEPTH = 100
_SHOWN_DEPTH = 12

_FLOAT = re.compile(
    r"""^(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?
    |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
    |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)
_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str"))
_MERGE = f"{_TAG}merge"


class Loader(yaml.SafeLoader):
    """PyYAML's reader with our idea of what a plain word means. Raises yaml.YAMLError for brackets
    deeper than MAX_DEPTH at once: of thousands, PyYAML's own work grows with the square."""

    def fetch_flow_collection_start(self, token: type[yaml.Token]) -> None:
        if self.flow_level >= MAX_DEPTH:
            raise yaml.scanner.ScannerError(None, None, "nested too deeply", self.get_mark())
        super().fetch_flow_collection_start(token)


def _resolvers() -> dict[str | None, list[tuple[str, re.Pattern[str]]]]:
    left_out = {f"{_TAG}float", f"{_TAG}timestamp", f"{_TAG}value"}
    kept = {
        first: [(tag, pattern) for tag, pattern in pairs if tag not in left_out]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for first in "-+.0123456789":
        kept.setdefault(first, []).append((f"{_TAG}float", _FLOAT))
    return kept


Loader.yaml_implicit_resolvers = _resolvers()


def parse(text: str, *, path: str | None = None) -> tuple[Any, dict[KeyPath, int]]:
    """The value of a YAML text, and the 1-based line of each key and list entry in it.

    Raises SpecError, with the line, on whatever is not one YAML document of JSON-like values:
    bad syntax, a key given twice or not a text, a foreign tag, an alias that holds itself, and a
    text or a tree of aliases that is far larger than a sweep file can be.
    """
    if len(text) > MAX_CHARACTERS:
        raise SpecError(f"longer than {MAX_CHARACTERS:,} characters: no sweep file.", path=path)
    try:
        loader = Loader(text)
        try:
            root = loader.get_single_node()
            tree = _Tree(loader, path)
            return (None if root is None else tree.build(root, ())), tree.lines
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, path) from None
    except RecursionError:
        raise SpecError("nested too deeply.", path=path) from None


class _Tree:
    """Turns nodes into values, and remembers lines."""

    def __init__(self, loader: Loader, path: str | None) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._loader = loader
        self._path = path
        self._open: set[int] = set()  # the nodes that enclose the one being built
        self._built = 0

    def build(self, node: yaml.Node, at: KeyPath) -> Any:
        self._built += 1
        if self._built > MAX_VALUES:
            raise self._error(node, at, f"more than {MAX_VALUES:,} values, aliases written out.")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, at)
        if id(node) in self._open:
            raise self._error(node, at, "this alias holds itself.")
        if len(at) > MAX_DEPTH:
            raise self._error(node, at, "nested too deeply.")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
                return self._mapping(node, at)
            if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
                return [self._entry(inner, (*at, i)) for i, inner in enumerate(node.value)]
        finally:
            self._open.discard(id(node))
        raise self._foreign(node, at)

    def _entry(self, node: yaml.Node, at: KeyPath) -> Any:
        self.lines[at] = _line(node)
        return self.build(node, at)

    def _mapping(self, node: yaml.MappingNode, at: KeyPath) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        own_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for source in self._merge_sources(value_node, at):
                    for key, value in source.items():
                        merged.setdefault(key, value)
                continue
            key = self._key(key_node, at)
            if key in own:
                first = own_lines[key]
                raise self._error(
                    key_node, (*at, key), f"the key is given twice; first in line {first}."
                )
            own_lines[key] = self.lines[(*at, key)] = _line(key_node)
            own[key] = self.build(value_node, (*at, key))
        return {**merged, **own}

    def _merge_sources(self, node: yaml.Node, at: KeyPath) -> Iterator[dict[str, Any]]:
        """The mappings behind `<<:`, one or a list of them; an earlier one wins."""
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            value = self.build(source, at)
            if not isinstance(value, dict):
                raise self._error(source, at, "`<<` merges mappings, and this is none.")
            yield value

    def _key(self, node: yaml.Node, at: KeyPath) -> str:
        if isinstance(node, yaml.ScalarNode):
            text = str(node.value)
            words = ("on", "off", "yes", "no")
            if node.tag == f"{_TAG}str" or (node.tag == f"{_TAG}bool" and text.lower() in words):
                return text
            raise self._error(node, at, f"the key {text} is no text.", f'Write "{text}" instead.')
        raise self._error(node, at, "a key must be a text, not a list or a mapping.")

    def _scalar(self, node: yaml.ScalarNode, at: KeyPath) -> Any:
        if node.tag not in _SCALARS:
            raise self._foreign(node, at)
        try:
            return self._loader.construct_object(node)
        except (ValueError, KeyError):  # `!!int x`, or an integer of 5,000 digits
            name = str(node.tag).replace(_TAG, "!!")
            problem = f"{node.value[:40]!r} cannot be read as {name}."
            raise self._error(node, at, problem) from None

    def _foreign(self, node: yaml.Node, at: KeyPath) -> SpecError:
        tag = str(node.tag).replace(_TAG, "!!")
        return self._error(node, at, f"the tag {tag} has no meaning in a sweep file.")

    def _error(
        self, node: yaml.Node, at: KeyPath, problem: str, hint: str | None = None
    ) -> SpecError:
        return SpecError(
            problem, key_path=show_path(at), path=self._path, line=_line(node), hint=hint
        )


def show_path(at: KeyPath) -> str:
    """("parameters", "lr", "values", 0) -> "parameters.lr.values[0]"; a long one is cut short."""
    shown = ""
    for key in at[:_SHOWN_DEPTH]:
        shown += f"[{key}]" if isinstance(key, int) else f".{key}" if shown else key
    return shown + ("…" if len(at) > _SHOWN_DEPTH else "")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _syntax_error(error: yaml.YAMLError, text: str, path: str | None) -> SpecError:
    line = None
    problem = str(error)
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        problem = ", ".join(part for part in (error.context, error.problem) if part)
    elif isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        problem = f"the character {error.character!r} is not allowed in YAML"
    hint = None
    if "'\\t'" in problem:
        hint = "That is a tab: YAML indents with spaces only."
    elif "expected a single document" in problem:
        hint = "A sweep file holds one document: remove the `---` between them."
    return SpecError(f"this is not YAML: {problem}.", path=path, line=line, hint=hint)
