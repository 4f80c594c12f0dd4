"""Our modules as one script: for a page that must open from a file, where no module loads another.

Each module becomes a function of its exports, run in the order of imports. It reads the few forms
of `import` and `export` that our modules (as biome formats them) and the vendored ones have, and
refuses the others by name; it understands no more JavaScript than that. A browser test opens what
it makes. Neighbours: assets.py (the files), controller/reports/page.py (who needs it).
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping

_FROM = r"""from\s*["'](?P<source>[^"']+)["']\s*;?"""
_START = r"(?P<start>^|(?<=[;}]))\s*"
_IMPORT = re.compile(
    rf"""{_START}import\s*(?:(?P<default>[\w$]+)\s*,?\s*)?(?:\*\s*as\s+(?P<all>[\w$]+)\s*)?"""
    rf"""(?:\{{(?P<names>[^}}]*)\}}\s*)?{_FROM}""",
    re.MULTILINE,
)
_EXPORT_FROM = re.compile(rf"{_START}export\s*\{{(?P<names>[^}}]*)\}}\s*{_FROM}", re.MULTILINE)
_EXPORT_NAMES = re.compile(rf"{_START}export\s*\{{(?P<names>[^}}]*)\}}\s*;?", re.MULTILINE)
_EXPORT_DEFAULT = re.compile(rf"{_START}export\s+default\s+(?=\S)", re.MULTILINE)
_EXPORT_HERE = re.compile(
    rf"{_START}export\s+(?P<rest>(?:async\s+)?(?:function\*?|class|const)\s+(?P<name>[\w$]+))",
    re.MULTILINE,
)
_NAMED_DEFAULT = re.compile(r"(?:async\s+)?(?:function\*?|class)\s+(?P<name>[\w$]+)")
_LEFT = re.compile(
    r"^export\s*(?:[{*]|(?:default|let|var|function|class|const|async)\b).*"
    r"|^import\s*[\w{*\"'].*|\bimport\.meta\b",
    re.MULTILINE,
)
_JSDOC = re.compile(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*\n", re.MULTILINE | re.DOTALL)

_RUNTIME = """\
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
    """A script that does what the module `entry` does.

    Args:
        files: modules by path.
        bare: the paths of modules that are imported by a name, as an import map has them.

    Raises ValueError: a module has a form that is not understood, or is not there.
    """
    parts = [_RUNTIME]
    for path in _in_order(files, bare, entry):
        parts.append(f"modules.set({json.dumps(path)}, (exports) => {{\n")
        parts.append(_as_function(path, _text(files, path), bare))
        parts.append("\n});\n")
    parts.append(f"need({json.dumps(entry)});\n")
    return "".join(parts)


def _text(files: Mapping[str, bytes], path: str) -> str:
    if path not in files:
        raise ValueError(f"there is no module {path}")
    return _JSDOC.sub("", files[path].decode())


def _target(path: str, source: str, bare: Mapping[str, str]) -> str:
    if source.startswith("."):
        return posixpath.normpath(posixpath.join(posixpath.dirname(path), source))
    if source not in bare:
        raise ValueError(f"{path} imports {source}, which is not in the import map")
    return bare[source]


def _in_order(files: Mapping[str, bytes], bare: Mapping[str, str], entry: str) -> Iterator[str]:
    """`entry` and all that it imports, each after what it needs."""
    seen: set[str] = set()

    def visit(path: str) -> Iterator[str]:
        seen.add(path)
        text = _text(files, path)
        for form in (_IMPORT, _EXPORT_FROM):
            for found in form.finditer(text):
                target = _target(path, found["source"], bare)
                if target not in seen:
                    yield from visit(target)
        yield path

    return visit(entry)


def _as_function(path: str, text: str, bare: Mapping[str, str]) -> str:
    exported: dict[str, str] = {}  # the name outside: what gives it

    def take(found: re.Match[str]) -> str:
        needed = f"need({json.dumps(_target(path, found['source'], bare))})"
        lines = []
        if found["all"]:
            lines.append(f"const {found['all']} = {needed};")
        names = [f"default: {found['default']}"] if found["default"] else []
        names += [f"{a}: {b}" if a != b else a for a, b in _names(found["names"])]
        if names:
            lines.append(f"const {{ {', '.join(names)} }} = {needed};")
        return " ".join(lines) or f"{needed};"

    def pass_on(found: re.Match[str]) -> str:
        needed = f"need({json.dumps(_target(path, found['source'], bare))})"
        for inner, outer in _names(found["names"]):
            exported[outer] = f"{needed}.{inner}"
        return f"{needed};"

    def list_names(found: re.Match[str]) -> str:
        exported.update({outer: inner for inner, outer in _names(found["names"])})
        return ""

    def here(found: re.Match[str]) -> str:
        exported[found["name"]] = found["name"]
        return f"{found['start']}{found['rest']}"

    text = _EXPORT_FROM.sub(pass_on, text)
    text = _EXPORT_NAMES.sub(list_names, text)
    text = _IMPORT.sub(take, text)
    text = _EXPORT_HERE.sub(here, text)
    default = _EXPORT_DEFAULT.search(text)
    if default is not None:
        named = _NAMED_DEFAULT.match(text, default.end())
        exported["default"] = named["name"] if named else "exported_default"
        instead = "" if named else "const exported_default = "
        text = text[: default.start()] + "\n" + instead + text[default.end() :]
    left = _LEFT.search(text)
    if left is not None:
        raise ValueError(f"{path}: cannot be bundled: {left.group()[:80]}")
    getters = ", ".join(f"{json.dumps(name)}: () => {what}" for name, what in exported.items())
    return f"give(exports, {{ {getters} }});\n{text.strip()}"


def _names(listed: str | None) -> Iterator[tuple[str, str]]:
    """(name, what it is called there) of `a, b as c`."""
    for part in (listed or "").split(","):
        words = part.split()
        if words:
            yield words[0], words[-1]
