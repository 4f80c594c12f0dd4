"""`constraints:`: what the parameters of one trial must be together.

    constraints:
      - batch_size * accumulate <= 512
      - optimizer != 'sgd' or lr < 0.1
      - schedule in ['cosine', 'linear'] and len(layers) <= 4

The syntax is a small part of Python's: numbers, texts, true and false (as True, False, None), lists
and tuples of those; `+ - * / // % **`, comparisons (`in` too), `and`, `or`, `not`; the functions of
`sweeps.arithmetic`. A parameter is written by its dotted name; one that is no word of Python
(learning-rate, lambda) in backticks. A constraint that names a parameter which is not there holds.

An expression is read into a tree of closures, each of a kind that is listed here, and never handed
to Python's own evaluation. Its size is bounded, and so are its numbers: `layers**9**9` is infinite,
not a day's work. What has no value (a division by zero, a root of -1) does not hold. What can only
be a slip is refused: a number where a truth must stand (`layers and lr < 0.1`), a comparison of
numbers alone, numbers alone that have no finite value; and, where a file is taken in, a value that
its parameter never has (`check_compared`).
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.arithmetic import BINARY, COMPARE, FUNCTIONS, SEVERAL, UNARY, Uncomputable
from sweeps.distributions import Categorical, Constant, Distribution, IntUniform, is_number
from sweeps.section import Section, did_you_mean

MOST = 100
MOST_CHARACTERS = 1_000
MOST_NODES = 200

Values = Mapping[str, Any]
"""The parameters that are there, by dotted name."""
_Part = Callable[[Values], Any]

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`([^`]*)`")
_OTHER_SIGNS = {"&&": "and", "||": "or", "<>": "!=", "!": "not"}


@dataclass(frozen=True)
class Constraint:
    """A condition that the values of one trial keep together; equal where the text is.

    Attributes:
        text: as the file has it.
        names: of the parameters in it, dotted.
    """

    text: str
    names: frozenset[str]

    def holds(self, values: Values) -> bool:
        """Whether `values` keep it, or lack a parameter that it names. Anything that cannot be
        computed does not hold."""
        try:
            return self.value(values)
        except Uncomputable:
            return False

    def value(self, values: Values) -> bool:
        """As `holds`. Raises Uncomputable where an operator cannot take the values that it gets."""
        if not self.names <= values.keys():
            return True
        try:
            return bool(_compiled(self.text).part(values))
        except (ArithmeticError, ValueError):
            return False


def read_constraints(section: Section, key: str, known: Mapping[str, bool]) -> list[Constraint]:
    """The constraints listed at `key`. Raises SpecError, with the column in the expression.

    Args:
        known: the parameters of the file, by dotted name, and whether all that each can be is true
            or false.
    """
    texts = section.entries(key)
    if len(texts) > MOST:
        raise section.error(f"there are {len(texts)}; {MOST} are the most.", key)
    found = []
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            hint = 'Put it in quotes: "a * b <= 512".'
            raise section.error("must be an expression in quotes.", key, i, hint=hint)
        try:
            found.append(parse_constraint(text, known))
        except _Bad as bad:
            place = "" if bad.column is None else f"column {bad.column} of `{text}`: "
            raise section.error(f"{place}{bad.problem}", key, i, hint=bad.hint) from None
    return found


def check_compared(
    section: Section,
    key: str,
    constraints: Sequence[Constraint],
    known: Mapping[str, Distribution],
) -> None:
    """Raises SpecError where a parameter is compared (==, !=, in) with a value that it never has:
    most likely a slip of spelling, which would exclude much, or nothing, without a word.

    A constant may be compared with anything: the file may have given it another value before.

    Args:
        section: the file.
        key: where the constraints are in it.
        known: what each parameter is drawn from, by dotted name.
    """
    for i, constraint in enumerate(constraints):
        for name, value, column in _compiled(constraint.text).compared:
            parent = known[name]
            if isinstance(parent, Constant) or _has(parent, value):
                continue
            raise section.error(
                f"column {column} of `{constraint.text}`: never so: {name} must be "
                f"{parent.describe()}, not {value!r}.",
                key,
                i,
                hint=_near(value, parent),
            )


def _has(parent: Distribution, value: Any) -> bool:
    """Whether a comparison with the value may say yes: to Python 3.0 is 3, and True is 1."""
    if isinstance(parent, Categorical):
        return any(each == value for each in parent.values)
    if isinstance(parent, IntUniform) and isinstance(value, float) and value.is_integer():
        value = int(value)
    return parent.contains(value)


def _near(value: Any, parent: Distribution) -> str | None:
    texts: dict[str, Any] = {}
    for each in parent.values if isinstance(parent, Categorical) else ():
        if isinstance(each, str) or isinstance(value, str):
            texts.setdefault(str(each).lower(), each)
    close = difflib.get_close_matches(str(value).lower(), texts, n=1)
    return f"Did you mean {texts[close[0]]!r}?" if close else None


class _Bad(Exception):
    """What is wrong with an expression, and where: `column` counts from 1."""

    def __init__(self, problem: str, column: int | None = None, hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.column, self.hint = problem, column, hint


def parse_constraint(text: str, known: Mapping[str, bool]) -> Constraint:
    """Checks an expression; raises _Bad. `known` is as in `read_constraints`."""
    read = _compiled(text)
    for name, column in read.names.items():
        if name not in known:
            hint = did_you_mean(name, known, "There are")
            if any(
                f"`{each}`?" in hint for each in known if not each.replace(".", "").isidentifier()
            ):
                hint += " Such a name stands in backticks."
            raise _Bad(f"there is no parameter `{name}`.", column, hint)
    for name, column in read.truths.items():
        if not known[name]:
            raise _Bad(f"`{name}` is not true or false.", column, f"Compare it: `{name} > 0`, say.")
    return Constraint(text, frozenset(read.names))


@dataclass(frozen=True)
class _Read:
    """An expression that was read.

    Attributes:
        part: it, as a function.
        names: of the parameters in it, with the column of the first mention.
        truths: the same, of those that stand where a truth must.
        compared: (parameter, value, the value's column), of each comparison of the two.
    """

    part: _Part
    names: Mapping[str, int]
    truths: Mapping[str, int]
    compared: Sequence[tuple[str, Any, int]]


@functools.lru_cache(maxsize=1024)
def _compiled(text: str) -> _Read:
    if len(text) > MOST_CHARACTERS:
        raise _Bad(f"it is longer than {MOST_CHARACTERS:,} characters.")
    aliases: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        alias = f"_{len(aliases)}".ljust(len(found[0]), "_")  # as long, so that columns stay
        aliases[alias] = found[1]
        return alias

    plain = _QUOTED.sub(stand_in, text)
    if "\n" in plain.strip():
        raise _Bad("it has more than one line.")
    blank = len(plain) - len(plain.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a text is the user's to mean
            tree = ast.parse(plain.strip(), mode="eval").body
    except SyntaxError as error:
        raise _syntax(plain, error) from None
    except (ValueError, RecursionError, MemoryError):
        raise _Bad("it cannot be read.") from None
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise _Bad(f"it has more than {MOST_NODES} parts.", hint="Make several of it.")
    reader = _Reader(plain.strip(), blank + 1, aliases)
    part = reader.truth(tree)
    return _Read(part, reader.names, reader.truths, reader.compared)


def _syntax(text: str, error: SyntaxError) -> _Bad:
    bare = _QUOTED.sub("", text)
    for sign, word in _OTHER_SIGNS.items():
        if sign in (bare.replace("!=", "") if sign == "!" else bare):
            return _Bad(f"`{sign}` is no sign here.", text.find(sign) + 1, f"Write `{word}`.")
    if re.search(r"(?<![=<>!])=(?!=)", bare):
        return _Bad("`=` is no comparison.", text.find("=") + 1, "Write `==`.")
    return _Bad("this is no expression.", min(max(error.offset or 1, 1), len(text) or 1))


def _names_one(node: ast.expr) -> bool:
    """Whether there is a parameter in it; the name of a function is none."""
    functions = {id(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
    return any(isinstance(each, ast.Name) and id(each) not in functions for each in ast.walk(node))


class _Reader:
    """One expression's tree, turned into functions of the values."""

    def __init__(self, text: str, first: int, aliases: Mapping[str, str]) -> None:
        self._text, self._first, self._aliases = text, first, aliases
        self.names: dict[str, int] = {}
        self.truths: dict[str, int] = {}
        self.compared: list[tuple[str, Any, int]] = []

    def truth(self, node: ast.expr) -> _Part:
        """What holds or not: a comparison, a parameter that is true or false, or several such."""
        if isinstance(node, ast.Name | ast.Attribute):
            part = self._parameter(node)
            self.truths.setdefault(self._name(node), self._column(node))
            return part
        part = self.part(node)
        if not _names_one(node):
            raise self._bad(node, "this names no parameter, so it excludes nothing or everything.")
        if isinstance(node, ast.Compare | ast.BoolOp) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        ):
            return part
        hint = "Compare it with something: … <= 512."
        raise self._bad(node, "this neither holds nor not.", hint)

    def part(self, node: ast.expr) -> _Part:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return lambda values: value  # noqa: ARG005
            case ast.Name() | ast.Attribute():
                return self._parameter(node)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                inner = [self.part(each) for each in parts]
                return lambda values: [each(values) for each in inner]
            case ast.BoolOp(op=sign, values=parts):
                inner = [self.truth(each) for each in parts]
                every = all if isinstance(sign, ast.And) else any
                return lambda values: every(each(values) for each in inner)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner_truth = self.truth(operand)
                return lambda values: not inner_truth(values)
            case ast.UnaryOp(op=sign, operand=operand) if type(sign) in UNARY:
                return self._applied(node, UNARY[type(sign)], [operand])
            case ast.BinOp(op=sign, left=left, right=right) if type(sign) in BINARY:
                return self._applied(node, BINARY[type(sign)], [left, right])
            case ast.Compare(left=left, ops=signs, comparators=others) if all(
                type(sign) in COMPARE for sign in signs
            ):
                for pair in zip(signs, (left, *others), others, strict=False):
                    self._note(*pair)
                return self._compared([left, *others], [COMPARE[type(sign)] for sign in signs])
            case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in FUNCTIONS:
                if not parts or (len(parts) > 1 and name not in SEVERAL):
                    raise self._bad(node, f"`{name}` takes one value.")
                return self._applied(node, FUNCTIONS[name], parts)
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                hint = did_you_mean(name, FUNCTIONS, "There are")
                raise self._bad(node, f"there is no function `{name}`.", hint)
        raise self._bad(
            node,
            "this cannot stand in a constraint.",
            "It has numbers, texts, lists, names of parameters, + - * / // % **, comparisons, "
            "and, or, not, and calls of " + ", ".join(FUNCTIONS) + ".",
        )

    def _note(self, sign: ast.cmpop, left: ast.expr, right: ast.expr) -> None:
        """Keeps what a parameter is compared with, where that is a value."""
        if isinstance(sign, ast.Eq | ast.NotEq) and _names_one(right):
            left, right = right, left
        if not isinstance(left, ast.Name | ast.Attribute):
            return
        values = [right] if isinstance(sign, ast.Eq | ast.NotEq) else []
        if isinstance(sign, ast.In | ast.NotIn) and isinstance(
            right, ast.List | ast.Tuple | ast.Set
        ):
            values = right.elts
        name = self._name(left)
        for each in values:
            if not _names_one(each):
                with contextlib.suppress(Uncomputable):
                    self.compared.append((name, self.part(each)({}), self._column(each)))

    def _column(self, node: ast.expr) -> int:
        """Python counts the bytes of UTF-8."""
        return self._first + len(self._text.encode()[: node.col_offset].decode())

    def _bad(self, node: ast.expr, problem: str, hint: str | None = None) -> _Bad:
        return _Bad(problem, self._column(node), hint)

    def _parameter(self, node: ast.Name | ast.Attribute) -> _Part:
        name = self._name(node)
        self.names.setdefault(name, self._column(node))
        return operator.itemgetter(name)

    def _name(self, node: ast.Name | ast.Attribute) -> str:
        words: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            words.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            raise self._bad(node, "only the name of a parameter has dots.")
        words.append(inner.id)
        return ".".join(self._aliases.get(word, word) for word in reversed(words))

    def _applied(
        self, node: ast.expr, work: Callable[..., Any], parts: Sequence[ast.expr]
    ) -> _Part:
        inner = [self.part(each) for each in parts]
        if not _names_one(node):
            return self._worked_out(node, work, [each({}) for each in inner])
        if len(inner) == 2:
            left, right = inner
            return lambda values: work(left(values), right(values))
        return lambda values: work(*[each(values) for each in inner])

    def _worked_out(self, node: ast.expr, work: Callable[..., Any], values: Sequence[Any]) -> _Part:
        """Of numbers alone: once and for all."""
        try:
            found = work(*values)
        except Uncomputable as error:
            raise self._bad(node, f"this cannot be computed: {error}.") from None
        except (ArithmeticError, ValueError):
            found = math.nan
        if not is_number(found):
            raise self._bad(node, "this has no finite value, whatever the parameters are.")
        return lambda values: found  # noqa: ARG005

    def _compared(
        self, parts: Sequence[ast.expr], signs: Sequence[Callable[[Any, Any], bool]]
    ) -> _Part:
        inner = [self.part(each) for each in parts]
        if len(signs) == 1:
            left, right, sign = inner[0], inner[1], signs[0]
            return lambda values: sign(left(values), right(values))

        def compare(values: Values) -> bool:
            left = inner[0](values)
            for sign, part in zip(signs, inner[1:], strict=True):
                right = part(values)
                if not sign(left, right):
                    return False
                left = right
            return True

        return compare
