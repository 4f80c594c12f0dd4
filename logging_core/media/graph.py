"""Graph: the layers of a model and how they hang together."""

from __future__ import annotations

from typing import Any

from logging_core.media.base import Media, Value, as_json
from logging_core.media.place import Place


class Node(Value):
    """A layer: its attributes are what it is made with (id, name, class_name, size, parameters,
    output_shape, is_output, num_parameters)."""

    def __init__(self, id: Any = None, name: str | None = None, **attributes: Any) -> None:
        self.id = id
        self.name = name
        self._attributes = {k: value for k, value in attributes.items() if value is not None}

    def to_json(self, _run: Any = None) -> dict[str, Any]:
        identity = {} if self.id is None else {"id": self.id}
        return {"name": self.name, **identity, **self._attributes}


class Edge(Value):
    """From one layer to the next."""

    def __init__(self, from_node: Node, to_node: Node) -> None:
        self.from_node, self.to_node = from_node, to_node

    def to_json(self, _run: Any = None) -> list[Any]:
        return [self.from_node.id, self.to_node.id]


class Graph(Media):
    """Nodes and edges. watch(log_graph=True) makes one of a torch model."""

    _log_type = "graph-file"
    _folder = "media/graph"

    def __init__(self, format: str = "keras") -> None:
        super().__init__()
        self.format = format
        self.nodes: list[Node] = []
        self.nodes_by_id: dict[Any, Node] = {}
        self.edges: list[Edge] = []

    def add_node(self, node: Node | None = None, **attributes: Any) -> Node:
        """A node, or the attributes of one."""
        added = Node(**attributes) if node is None else node
        self.nodes.append(added)
        self.nodes_by_id[added.id] = added
        return added

    def add_edge(self, from_node: Node, to_node: Node) -> Edge:
        edge = Edge(from_node, to_node)
        self.edges.append(edge)
        return edge

    def __getitem__(self, node_id: Any) -> Node:
        return self.nodes_by_id[node_id]

    def _opensweep_log_(self, place: Place) -> dict[str, Any]:
        content = {
            "format": self.format,
            "nodes": [node.to_json() for node in self.nodes],
            "edges": [edge.to_json() for edge in self.edges],
        }
        self._set_bytes(as_json(content), ".graph.json")
        return super()._opensweep_log_(place)
