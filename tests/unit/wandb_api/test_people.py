"""Users, entities and projects over GraphQL, as the operations of the clients ask for them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from controller.server.keyring import Caller
from controller.store import NewRun, open_store
from controller.store.keys import Role
from controller.wandb_api.context import Door
from controller.wandb_api.graphql import execute
from controller.wandb_api.ids import parse_id

USER = "id name username email admin flags entity deletedAt apiKeys { edges { node { id name } } }"
PROJECT = "id internalId name entityName createdAt isBenchmark description access user { name }"


class World:
    """A store, and what a caller hears of it."""

    def __init__(self, store):
        self.store = store
        self.found = SimpleNamespace(store=store, entity="lab", owner="root")
        self.caller = Caller("ann", Role.WRITE, "k")

    def answer(self, document, /, **variables):
        return execute(document, variables, None, Door(self.found, self.caller, "http://here"))

    def ask(self, document, /, **variables):
        """The data of an answer that has no error."""
        answer = self.answer(document, **variables)
        assert "errors" not in answer.body, answer.body
        return answer.body["data"]

    def refused(self, document, /, **variables):
        """(status, sentence) of one that has."""
        answer = self.answer(document, **variables)
        return answer.status, answer.body["errors"][0]["message"]

    def names(self, document, /, **variables):
        """Of the nodes of the one connection that is asked for."""
        (found,) = self.ask(document, **variables).values()
        return [edge["node"]["name"] for edge in found["edges"]]


@pytest.fixture
def world(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'people.db'}") as store:
        yield World(store)


def test_the_viewer_is_whose_key_it_is(world):
    mine, _ = world.store.add_key("ann", Role.WRITE, "laptop")
    world.store.revoke_key(world.store.add_key("ann", Role.WRITE)[0].id)
    world.store.add_key("bob", Role.READ)
    world.store.register_run(NewRun("r", uid="r", project="team/p"))
    me = world.ask(
        f"query Viewer {{ viewer {{ {USER} teams {{ edges {{ node {{ name }} }} }} }} }}"
    )
    me = me["viewer"]
    assert (me["username"], me["entity"], me["admin"], me["flags"]) == ("ann", "lab", False, "{}")
    assert [edge["node"]["name"] for edge in me["apiKeys"]["edges"]] == [mine.prefix]
    assert [edge["node"]["name"] for edge in me["teams"]["edges"]] == ["lab", "team"]


def test_users_are_those_with_keys(world):
    for name in ("anna", "ann", "bob"):
        world.store.add_key(name, Role.WRITE)
    gone, _ = world.store.add_key("gone", Role.WRITE)
    world.store.revoke_key(gone.id)
    query = "query U($query: String) { users(query: $query) { edges { node { name } } } }"
    assert world.names(query) == ["ann", "anna", "bob", "root"]
    assert world.names(query, query="ANN") == ["ann", "anna"]
    assert world.names(query, query="anna") == ["anna"]
    assert world.names(query, query="gone") == []


def test_the_keys_of_others_are_for_admins(world):
    key, _ = world.store.add_key("bob", Role.READ)
    query = (
        'query { users(query: "bob") { edges { node { apiKeys { edges { node { name } } } } } } }'
    )

    def shown():
        (edge,) = world.ask(query)["users"]["edges"]
        return [each["node"]["name"] for each in edge["node"]["apiKeys"]["edges"]]

    assert shown() == []
    world.caller = Caller("root", Role.ADMIN)
    assert shown() == [key.prefix]


def test_everyone_is_a_member_of_every_team(world):
    world.store.add_key("bob", Role.ADMIN)
    query = """query GetTeamEntity($name: String!) { entity(name: $name) {
        id name available isTeam entityType storageBytes privateOnly codeSavingEnabled
        readOnlyAdmin defaultAccess members { id name username admin pending accountType } } }"""
    team = world.ask(query, name="lab")["entity"]
    assert (team["available"], team["isTeam"], team["storageBytes"]) == (False, True, 0)
    assert [(each["name"], each["admin"]) for each in team["members"]] == [
        ("bob", True),
        ("root", True),
    ]
    assert world.ask(query, name="free")["entity"]["available"]


def test_there_is_one_organization(world):
    query = """query O($org: String!) { organization(name: $org) { id name orgEntity { name } }
        entity(name: "team") { organization { name orgEntity { name } } user { name } } }"""
    data = world.ask(query, org="any")
    assert data["organization"]["orgEntity"] == {"name": "lab"}
    assert data["entity"]["organization"] == {"name": "lab", "orgEntity": {"name": "lab"}}


@pytest.mark.parametrize(
    "mutation",
    [
        'createUser(input: {email: "a@b"}) { user { id } }',
        'createInvite(input: {entityName: "lab", email: "a@b"}) { invite { id } }',
        'deleteInvite(input: {id: "x", entityName: "lab"}) { success }',
        'createServiceAccount(input: {description: "x", entityName: "lab"}) { user { id } }',
        'generateApiKey(input: {description: "x"}) { apiKey { id } }',
        'deleteApiKey(input: {id: "x"}) { success }',
    ],
)
def test_what_needs_accounts_says_what_to_do_instead(world, mutation):
    status, told = world.refused(f"mutation {{ {mutation} }}")
    assert status == 200
    assert "sweep server key create" in told


def test_projects_are_listed_by_entity_the_newest_first(world, monkeypatch):
    for number, project in enumerate(["p", "q", "team/p", "team/r", ""]):
        world.store.register_run(NewRun(f"r{number}", uid="u", project=project))
    listed = world.store.projects
    order = ["p", "q", "team/p", "team/r", "uncategorized"]  # faster than the clock's ticks

    def in_order(entity):
        return [replace(each, created=order.index(each.name)) for each in listed(entity)]

    monkeypatch.setattr(world.store, "projects", in_order)
    query = """query GetProjects($entity: String, $cursor: String, $perPage: Int = 50) {
        models(entityName: $entity, after: $cursor, first: $perPage) {
            pageInfo { endCursor hasNextPage } edges { node { name entityName } } } }"""
    own = ["uncategorized", "q", "p"]
    assert world.names(query) == world.names(query, entity="lab") == own
    assert world.names(query, entity="team") == ["r", "p"]
    assert world.names(query, entity="of-wandb") == own  # which has nothing here
    page = world.ask(query, perPage=2)["models"]
    assert page["pageInfo"] == {"endCursor": "2", "hasNextPage": True}
    assert world.names(query, perPage=2, cursor="2") == ["p"]


def test_a_project_is_found_by_any_of_its_names(world):
    world.store.register_run(NewRun("r", uid="r", project="p"))
    world.store.register_run(NewRun("s", uid="s", project="team/p"))
    query = f"""query P($name: String, $entity: String) {{
        project(name: $name, entityName: $entity) {{ {PROJECT} }} }}"""
    mine = world.ask(query, name="p")["project"]
    assert (mine["name"], mine["entityName"], mine["isBenchmark"]) == ("p", "lab", False)
    assert world.ask(query, name="p", entity="lab")["project"] == mine
    theirs = world.ask(query, name="p", entity="team")["project"]
    assert theirs["entityName"] == "team"
    assert theirs["id"] != mine["id"]
    numbers = {int(parse_id(each["internalId"], "ProjectInternalId")) for each in (mine, theirs)}
    assert len(numbers) == 2
    assert max(numbers) < 2**53
    assert world.ask("query ($id: ID) { project(id: $id) { name } }", id=mine["id"]) == {
        "project": {"name": "p"}
    }
    assert world.ask(query, name="nope") == {"project": None}


def test_a_project_is_made_changed_and_deleted(world):
    mutation = f"""mutation CreateProject($input: UpsertModelInput!) {{
        result: upsertModel(input: $input) {{ project {{ {PROJECT} views }} inserted }} }}"""
    made = world.ask(mutation, input={"name": "new", "entityName": "team", "views": "{}"})["result"]
    assert made["inserted"]
    assert made["project"]["user"] is None  # ann has no key on record here
    assert (made["project"]["entityName"], made["project"]["views"]) == ("team", "{}")
    id_ = made["project"]["id"]
    changed = world.ask(mutation, input={"id": id_, "description": "words"})["result"]
    assert not changed["inserted"]
    assert (changed["project"]["description"], changed["project"]["views"]) == ("words", "{}")
    delete = "mutation D($id: String!) { deleteModel(input: {id: $id}) { success } }"
    world.store.register_run(NewRun("r", uid="r", project="team/new"))
    assert "not empty" in world.refused(delete, id=id_)[1]
    world.store.end_run("r", 1, 0)
    world.store.delete_run("r")
    assert world.ask(delete, id=id_) == {"deleteModel": {"success": True}}
    assert world.ask(delete, id=id_) == {"deleteModel": {"success": False}}


@pytest.mark.parametrize("name", [None, "", "a/b", "a:b", " a", "x" * 129, 3, "a\nb"])
def test_a_project_needs_a_name_that_a_path_can_carry(world, name):
    mutation = "mutation M($input: Any) { upsertModel(input: $input) { inserted } }"
    assert "name" in world.refused(mutation, input={"name": name})[1]
    assert world.store.projects() == []


def test_readers_change_nothing(world):
    world.caller = Caller("ann", Role.READ, "k")
    status, told = world.refused('mutation { upsertModel(input: {name: "x"}) { inserted } }')
    assert status == 403
    assert "role write" in told
    assert world.store.projects() == []


def test_the_server_says_what_it_can_and_which_clients_it_knows(world):
    info = world.ask("""query { serverInfo { features { name isEnabled } cliVersionInfo
        latestLocalVersionInfo { outOfDate } } }""")["serverInfo"]
    assert all(each["isEnabled"] for each in info["features"])
    assert info["cliVersionInfo"]["min_cli_version"] == "0.13.0"
    assert info["latestLocalVersionInfo"] is None


def test_older_clients_look_for_the_types(world):
    probe = """query ProbeServerCapabilities {
        QueryType: __type(name: "Query") { fields { name } }
        MutationType: __type(name: "Mutation") { fields { name } }
        ServerInfoType: __type(name: "ServerInfo") { fields { name } } }"""
    found = {
        kind: {field["name"] for field in told["fields"]} for kind, told in world.ask(probe).items()
    }
    assert {"serverInfo", "viewer", "model", "project"} <= found["QueryType"]
    assert "upsertModel" in found["MutationType"]
    assert found["ServerInfoType"] >= {"cliVersionInfo", "latestLocalVersionInfo"}
