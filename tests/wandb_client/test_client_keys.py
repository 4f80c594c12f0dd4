"""Keys, users, teams and projects, through the real client: who is let in, and as whom."""

from __future__ import annotations

import pytest
from wandb_clients import NEWEST, TRIED, Script, WandbServer

WRONG = "f" * 40
ASK = """
import wandb
api = wandb.Api()
me = api.viewer
print("VIEWER", me.username, me.entity, me.teams, me.api_keys)
project = f"{api.default_entity}-made"
api.create_project(project, api.default_entity)
print("PROJECTS", [p.entity for p in api.projects() if p.name == project])
print("USER", api.user("ann").username, api.user("nobody"))
team = api.team(api.default_entity)
print("MEMBERS", [(m.username, m.admin) for m in team.members if m.username == "ann"])
"""


@pytest.mark.parametrize("version", TRIED)
def test_the_public_api_knows_who_asks_and_who_is_here(
    wandb_script: Script, wandb_server: WandbServer, version: str
) -> None:
    with wandb_server.client() as client:
        made = client.create_key("ann")
    try:
        ended = wandb_script(ASK, version, WANDB_API_KEY=made["key"])
    finally:
        with wandb_server.client() as client:
            client.revoke_key(made["id"])
    assert ended.code == 0, ended.output
    assert f"VIEWER ann opensweep ['opensweep'] ['{made['prefix']}']" in ended.output
    assert "PROJECTS ['opensweep']" in ended.output
    assert "USER ann None" in ended.output
    assert "MEMBERS [('ann', False)]" in ended.output


@pytest.mark.parametrize("version", TRIED)
def test_a_wrong_key_is_refused_at_once_and_said(wandb_script: Script, version: str) -> None:
    ended = wandb_script("import wandb; wandb.init()", version, WANDB_API_KEY=WRONG)
    assert ended.code != 0
    assert "the API key is wrong or was revoked" in ended.output
    assert WRONG not in ended.output


LOGIN = f"""
import os, wandb
os.makedirs(os.environ["WANDB_CONFIG_DIR"], exist_ok=True)
good = os.environ.pop("WANDB_API_KEY")
try:
    wandb.login(key="{WRONG}", verify=True)
except wandb.errors.AuthenticationError as error:
    print("REFUSED")
print("LOGIN", wandb.login(key=good, verify=True, relogin=True))
"""


@pytest.mark.parametrize("version", TRIED)
def test_login_verifies_the_key(wandb_script: Script, version: str) -> None:
    if version == "0.13.11":
        pytest.skip("its login() does not verify")
    ended = wandb_script(LOGIN, version)
    assert ended.code == 0, ended.output
    assert "REFUSED" in ended.output
    assert "LOGIN True" in ended.output


def test_the_command_logs_in(wandb_cli: Script, wandb_server: WandbServer) -> None:
    said = wandb_cli("login", "--verify", wandb_server.key, version=NEWEST, WANDB_API_KEY="")
    assert said.code == 0, said.output
    assert "logged in" in said.output.lower()
    refused = wandb_cli("login", "--verify", WRONG, version=NEWEST, WANDB_API_KEY="")
    assert refused.code != 0
    assert "wrong or was revoked" in refused.output


def test_a_key_to_read_reads_and_is_told_that_it_may_not_write(
    wandb_script: Script, wandb_server: WandbServer
) -> None:
    with wandb_server.client() as client:
        made = client.create_key("reader", "read")
    script = """
import wandb
api = wandb.Api()
print("VIEWER", api.viewer.username)
list(api.projects())
wandb.init()
"""
    ended = wandb_script(script, WANDB_API_KEY=made["key"])
    assert "VIEWER reader" in ended.output
    assert ended.code != 0
    assert "this needs write" in ended.output
