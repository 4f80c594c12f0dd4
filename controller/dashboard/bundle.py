"""Our modules as one script: for a report that opens from a file, where no module loads another;
and for pages, so that a visit is not a hundred requests.

Each module becomes a function of its exports, run when it is first needed. It reads the few forms
of `import` and `export` that our modules (as biome formats them) and the vendored ones have, and
refuses the others by name; it understands no more JavaScript than that. Browser tests run what it
makes. Neighbours: assets.py (the files); packs.py (of pages) and controller/reports/page.py, who
need it.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

_FROM = r"""from\s*["'](?P<source>[^"']+)["']\s*;?"""
_IMPORT = re.compile(
    r"""import\s*(?:(?P<default>[\w$]+)\s*,?\s*)?(?:\*\s*as\s+(?P<all>[\w$]+)\s*)?"""
    rf"""(?:\{{(?P<names>[^}}]*)\}}\s*)?{_FROM}"""
)
_EXPORT_FROM = re.compile(rf"export\s*\{{(?P<names>[^}}]*)\}}\s*{_FROM}")
_EXPORT_NAMES = re.compile(r"export\s*\{(?P<names>[^}]*)\}\s*;?")
_EXPORT_DEFAULT = re.compile(
    r"export\s+default\s+(?=\S)(?=(?:(?:async\s+)?(?:function\*?|class)\s+(?P<name>[\w$]+))?)"
)
_EXPORT_HERE = re.compile(
    r"export\s+(?=(?:async\s+)?(?:function\*?|class|const)\s+(?P<name>[\w$]+))"
)
_UNKNOWN = re.compile(
    r"export\s*(?:[{*]|(?:default|let|var|function|class|const|async)\b).*|import\s*[\w{*\"'].*"
)
_WORD = re.compile(r"(?:import|export)\b")
_JSDOC = re.compile(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*\n", re.MULTILINE | re.DOTALL)

RUNTIME = """\
"use strict";
const modules = new Map();
const done = new Map();
function need(name) {
  if (!done.has(name)) {
    const exports = {};
    done.set(name, exports);
    modules.get(name)(exports);
  }
  return done.get(name);
}
function give(exports, getters) {
  for (const [name, get] of Object.entries(getters))
    Object.defineProperty(exports, name, { get, enumerable: true });
}
"""


def bundle(files: Mapping[str, bytes], bare: Mapping[str, str], entry: str) -> str:
    """A script that does what the module `entry` does; see `Modules`. Raises ValueError."""
    modules = Modules(files, bare)
    needed = modules.define(modules.in_order(entry))
    return "".join([RUNTIME, *needed, f"need({json.dumps(entry)});\n"])


class _Module(NamedTuple):
    text: str
    needs: tuple[str, ...]


class Modules:
    """Modules as functions, each made once.

    Args:
        files: modules by path.
        bare: the paths of modules that are imported by a name.

    Its methods raise ValueError where a module has a form that is not understood, or is not there.
    """

    def __init__(self, files: Mapping[str, bytes], bare: Mapping[str, str]) -> None:
        self._files = files
        self._bare = bare
        self._made: dict[str, _Module] = {}

    def in_order(self, entry: str) -> list[str]:
        """`entry` and all that it imports, each after what it needs.

        Modules that import each other are refused: one would run before it has what it imports.
        """
        found: dict[str, None] = {}
        begun: list[str] = []

        def visit(path: str) -> None:
            begun.append(path)
            for target in self._module(path).needs:
                if target in begun:
                    raise ValueError(f"{path} and {target} import each other")
                if target not in found:
                    visit(target)
            begun.pop()
            found[path] = None

        visit(entry)
        return list(found)

    def define(self, paths: Iterable[str]) -> Iterator[str]:
        """The statements that make modules known to RUNTIME, without running one."""
        for path in paths:
            body = self._module(path).text
            yield f"// {path}\nmodules.set({json.dumps(path)}, (exports) => {{\n{body}\n}});\n"

    def _module(self, path: str) -> _Module:
        if path not in self._made:
            if path not in self._files:
                raise ValueError(f"there is no module {path}")
            text = _JSDOC.sub("", self._files[path].decode())
            self._made[path] = _Reader(path, self._bare).read(text)
        return self._made[path]


class _Reader:
    """Turns one module into the body of a function."""

    def __init__(self, path: str, bare: Mapping[str, str]) -> None:
        self._path = path
        self._bare = bare
        self._needs: dict[str, None] = {}
        self._exported: dict[str, str] = {}  # the name outside: what gives it
        self._forms = (
            (_IMPORT, self._import),
            (_EXPORT_FROM, self._pass_on),
            (_EXPORT_NAMES, self._list),
            (_EXPORT_DEFAULT, self._default),
            (_EXPORT_HERE, self._here),
        )

    def read(self, text: str) -> _Module:
        if "import.meta" in text:
            raise ValueError(f"{self._path}: cannot be bundled: import.meta")
        parts, at = [], 0
        for word in _WORD.finditer(text):
            start = word.start()
            if start < at or not _begins(text, start):
                continue
            for form, instead in self._forms:
                if found := form.match(text, start):
                    parts += [text[at:start], instead(found)]
                    at = found.end()
                    break
            else:
                unknown = _UNKNOWN.match(text, start)
                if unknown and text[start - 1 : start] in ("", "\n"):
                    raise ValueError(f"{self._path}: cannot be bundled: {unknown.group()[:80]}")
        parts.append(text[at:])
        getters = ", ".join(f"{json.dumps(n)}: () => {what}" for n, what in self._exported.items())
        body = "".join(parts).strip()
        return _Module(f"give(exports, {{ {getters} }});\n{body}", tuple(self._needs))

    def _need(self, source: str) -> str:
        if source.startswith("."):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(self._path), source))
        elif source in self._bare:
            path = self._bare[source]
        else:
            raise ValueError(f"{self._path} imports {source}, which is no module of ours")
        self._needs[path] = None
        return f"need({json.dumps(path)})"

    def _import(self, found: re.Match[str]) -> str:
        needed = self._need(found["source"])
        lines = []
        if found["all"]:
            lines.append(f"const {found['all']} = {needed};")
        names = [f"default: {found['default']}"] if found["default"] else []
        names += [f"{a}: {b}" if a != b else a for a, b in _names(found["names"])]
        if names:
            lines.append(f"const {{ {', '.join(names)} }} = {needed};")
        return " ".join(lines) or f"{needed};"

    def _pass_on(self, found: re.Match[str]) -> str:
        needed = self._need(found["source"])
        for inner, outer in _names(found["names"]):
            self._exported[outer] = f"{needed}.{inner}"
        return f"{needed};"

    def _list(self, found: re.Match[str]) -> str:
        self._exported.update({outer: inner for inner, outer in _names(found["names"])})
        return ""

    def _default(self, found: re.Match[str]) -> str:
        self._exported["default"] = found["name"] or "exported_default"
        return "" if found["name"] else "const exported_default = "

    def _here(self, found: re.Match[str]) -> str:
        self._exported[found["name"]] = found["name"]
        return ""


def _begins(text: str, at: int) -> bool:
    """Whether a statement may begin there: on a line of its own, or after another's end."""
    while at > 0 and text[at - 1] in " \t":
        at -= 1
    return at == 0 or text[at - 1] in "\n;}"


def _names(listed: str | None) -> Iterator[tuple[str, str]]:
    """(name, what it is called there) of `a, b as c`."""
    for part in (listed or "").split(","):
        words = part.split()
        if words:
            yield words[0], words[-1]
