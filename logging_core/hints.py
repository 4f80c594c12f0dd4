"""What annotations and small records need, without `typing`: for all that init() loads.

`typing` takes a while to load, and its NamedTuple to make a class: it compiles each annotation,
and `collections` the source of a constructor. For the two dozen classes that `opensweep.init`
needs that was a third of all. Here nothing is compiled: NamedTuple has the same fields, defaults,
`_replace`, `_asdict`, equality, pickling and matching, and the other names are read by type
checkers alone, which see typing's own.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers take it
if TYPE_CHECKING:
    from typing import IO as IO
    from typing import Any as Any
    from typing import Callable as Callable
    from typing import Iterable as Iterable
    from typing import Iterator as Iterator
    from typing import Mapping as Mapping
    from typing import MutableMapping as MutableMapping
    from typing import NamedTuple as NamedTuple
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
    from typing import Sequence as Sequence
    from typing import TextIO as TextIO
    from typing import Union as Union
else:
    from _collections import _tuplegetter  # what a field of collections.namedtuple is
    from collections import abc

    class _Unread:
        """Stands for a type that nobody looks at."""

        __slots__ = ()

        def __class_getitem__(cls, _parameters):
            return cls

    class Protocol:
        pass

    class MutableMapping(_Unread, abc.MutableMapping):
        __slots__ = ()

    IO = Any = Callable = Iterable = Iterator = NoReturn = TextIO = Union = _Unread
    Mapping, Sequence = abc.Mapping, abc.Sequence

    class _Kind(type):
        """Makes a class of its annotations: they are the fields, in order."""

        def __new__(kind, name, bases, space):
            space.setdefault("__slots__", ())
            made = super().__new__(kind, name, bases, space)
            if bases == (tuple,) or made._fields:
                return made  # NamedTuple itself, or a class below one that has its fields
            made._fields = made.__match_args__ = tuple(made.__annotations__)
            made._field_defaults = {name: space[name] for name in made._fields if name in space}
            for place, name in enumerate(made._fields):
                setattr(made, name, _tuplegetter(place, ""))
            return made

    class NamedTuple(tuple, metaclass=_Kind):
        _fields = ()

        def __new__(cls, *values, **named):
            if named or len(values) != len(cls._fields):
                values = cls._all(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _all(cls, values, named):
            """A value for each field. Raises TypeError as a function's call does."""
            fields, defaults = cls._fields, cls._field_defaults
            rest = fields[len(values) :]
            missing = [name for name in rest if name not in named and name not in defaults]
            unknown = [name for name in named if name not in rest]
            if len(values) > len(fields) or missing or unknown:
                raise TypeError(
                    f"{cls.__name__}({', '.join(fields)}): got {len(values)} by place"
                    + (f", and not expected or twice: {', '.join(unknown)}" if unknown else "")
                    + (f", and missing: {', '.join(missing)}" if missing else "")
                )
            return (*values, *(named[name] if name in named else defaults[name] for name in rest))

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **named):
            unknown = named.keys() - set(self._fields)
            if unknown:
                raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
            return self._make(map(named.get, self._fields, self))

        def _asdict(self):
            return dict(zip(self._fields, self))

        def __repr__(self):
            told = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
            return f"{type(self).__name__}({told})"

        def __getnewargs__(self):
            return tuple(self)
