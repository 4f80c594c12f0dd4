"""The schema as a whole: nothing in it that nobody answers, nothing missing that is looked for."""

from __future__ import annotations

from pathlib import Path

import graphql
import pytest
from door_world import opened

from controller.wandb_api.graphql import schema

# Looked up by name before anything is sent; a client gives up, or crashes, where one is missing.
LOOKED_UP = {
    "Query": {"serverInfo", "viewer"},
    "Mutation": {"createRunFiles", "createArtifact"},
    "ServerInfo": {"cliVersionInfo", "latestLocalVersionInfo"},
    "ServerSettings": {"serverMessages"},
    "Project": {"internalId", "artifact"},
    "Run": {"projectId"},
    "Artifact": {"ttlIsInherited", "tags", "historyStep"},
    "Organization": {"orgEntity"},
}
LOOKED_UP_INPUTS = {
    "UseArtifactInput": {"usedAs"},
    "CreateArtifactInput": {"historyStep", "clientID", "sequenceClientID", "ttlDurationSeconds"},
    "CreateArtifactFileSpecInput": {"uploadPartsInput", "storagePath"},
    "AddAliasesInput": {"artifactID", "aliases"},
    "DeleteFilesInput": {"projectId"},
}


def test_the_schema_is_valid() -> None:
    assert graphql.validate_schema(schema()) == []


@pytest.mark.parametrize("root", ["Query", "Mutation"])
def test_every_root_has_its_answer(root: str) -> None:
    kind = schema().type_map[root]
    assert isinstance(kind, graphql.GraphQLObjectType)
    assert [name for name, field in kind.fields.items() if field.resolve is None] == []


@pytest.mark.parametrize("name", [*LOOKED_UP, *LOOKED_UP_INPUTS])
def test_what_older_clients_look_up_is_there(tmp_path: Path, name: str) -> None:
    part = "inputFields" if name in LOOKED_UP_INPUTS else "fields"
    with opened(tmp_path) as world:
        data = world.ask(f'{{ found: __type(name: "{name}") {{ {part} {{ name }} }} }}')
    there = {field["name"] for field in data["found"][part]}
    assert there >= LOOKED_UP_INPUTS.get(name, set()) | LOOKED_UP.get(name, set())
