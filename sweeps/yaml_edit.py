"""Changes single values of a sweep file, and leaves every other line as its writer left it.

Pure. Neighbours: yaml_lines.py (where a key stands), spec.py (what a file means).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import yaml

from sweeps.errors import SpecError
from sweeps.spec import load_spec


def with_values(
    text: str, values: Mapping[str, str | int | None], *, path: str | None = None
) -> str:
    """A sweep file with top-level keys set to `values`; None: null, as if the key were not there.

    Raises SpecError when the text is no YAML mapping.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        root = None
    if not isinstance(root, yaml.MappingNode):
        load_spec(text, path=path)  # says what is wrong, and on which line
        raise SpecError("it is no mapping of keys to values.", path=path)
    nodes = {key.value: value for key, value in root.value}
    spans = []
    for name in values.keys() & nodes.keys():
        start, end = nodes[name].start_mark.index, nodes[name].end_mark.index
        blank = "" if text[start - 1].isspace() else " "  # `name:` without a value
        newline = "\n" if text[start:end].endswith("\n") else ""  # a block of several lines
        spans.append((start, end, f"{blank}{json.dumps(values[name])}{newline}"))
    missing = {
        key: json.dumps(value)
        for key, value in values.items()
        if key not in nodes and value is not None
    }
    if root.flow_style:
        start = root.start_mark.index + 1
        spans += [(start, start, f'"{key}": {value}, ') for key, value in missing.items()]
    else:
        end = root.end_mark.index
        lines = "".join(f"{key}: {value}\n" for key, value in missing.items())
        before = "" if text[:end].endswith("\n") or not lines else "\n"
        spans.append((end, end, before + lines))
    for start, end, changed in sorted(spans, reverse=True):
        text = text[:start] + changed + text[end:]
    return text
