"""A custom chart: a table, the name of a Vega specification, and which column is which field.

Neighbour: logging_core/media/rows.py, which asks a chart for its table, the table's key and what
the run's config says of it (`_opensweep_chart_`).
"""

from __future__ import annotations

from typing import Any, Mapping, Union

from logging_core import terminal
from logging_core.errors import UsageError
from logging_core.media.table import Table


class CustomChart:
    """What plot_table and the functions beside it return; pass it to log()."""

    def __init__(
        self,
        table: Table,
        spec_name: str,
        fields: Mapping[str, Any],
        string_fields: Mapping[str, Any],
        split_table: bool,
    ) -> None:
        self.table = table
        self.spec_name = spec_name
        self.fields = dict(fields)
        self.string_fields = dict(string_fields)
        self.split_table = split_table

    def _opensweep_chart_(self, key: str) -> tuple[str, Table, dict[str, Any]]:
        """(the table's name in history, the table, what the config's `_wandb` says of it)."""
        name = f"Custom Chart Tables/{key}_table" if self.split_table else f"{key}_table"
        return name, self.table, {"visualize": {key: self._panel(name)}}

    def _panel(self, table_key: str) -> dict[str, Any]:
        argument = {"name": "tableKey", "value": table_key}
        fields: list[dict[str, Any]] = [
            {"name": "id", "fields": []},
            {"name": "name", "fields": []},
            {"name": "_defaultColorIndex", "fields": []},
            {"name": "summaryTable", "args": [argument], "fields": []},
        ]
        runs = [{"name": "runSets", "value": "${runSets}"}]
        query = {"queryFields": [{"name": "runSets", "args": runs, "fields": fields}]}
        return {
            "panel_type": "Vega2",
            "panel_config": {
                "panelDefId": self.spec_name,
                "fieldSettings": self.fields,
                "stringSettings": self.string_fields,
                "transform": {"name": "tableWithLeafColNames"},
                "userQuery": query,
            },
        }


class Visualize:
    """What visualize returns: a table, to be shown by a specification of this id."""

    def __init__(self, id: str, table: Table) -> None:
        self.id, self.table = id, table

    def _opensweep_chart_(self, key: str) -> tuple[str, Table, dict[str, Any]]:
        settings = {"x-axis": "_step", "key": key}
        return key, self.table, {"viz": {key: {"id": self.id, "historyFieldSettings": settings}}}


Chart = Union[CustomChart, Visualize]


def plot_table(
    vega_spec_name: str,
    data_table: Table,
    fields: Mapping[str, Any],
    string_fields: Mapping[str, Any] | None = None,
    split_table: bool = False,
) -> CustomChart:
    """A chart of a table by a Vega specification.

    Args:
        vega_spec_name: "wandb/line/v0" and its like.
        data_table: what is drawn.
        fields: the specification's fields, and the column that each one takes.
        string_fields: its texts, such as the title.
        split_table: keep the table in a section of its own, "Custom Chart Tables".

    Raises UsageError.
    """
    if not isinstance(data_table, Table):
        raise UsageError(f"a chart is made of a Table, not of {type(data_table).__name__}")
    for field, column in fields.items():
        if isinstance(column, str) and column not in data_table.columns:
            terminal.warn(
                f"{vega_spec_name}: its table has no column {column!r} to be {field!r}; it has "
                + ", ".join(map(str, data_table.columns))
            )
    return CustomChart(data_table, vega_spec_name, fields, string_fields or {}, split_table)


def visualize(id: str, value: Table) -> Visualize:
    """A table shown by the specification `id`. Raises UsageError."""
    if not isinstance(value, Table):
        raise UsageError(f"visualize takes a Table, not {type(value).__name__}")
    return Visualize(id, value)
