"""`sweep server key`: API keys for people, each with a role. A key is shown once, when it is made.

All of it needs a key of the role admin: the one in the server's home, or one made here.
"""

from __future__ import annotations

import time

import click

from opensweep import _text
from opensweep.commands import connection, options

_ROLES = ("read", "write", "admin")  # controller/store/keys.py, which costs too much to import


@click.group(
    invoke_without_command=True,
    epilog="\b\nExample:\n"
    '  sweep server key create alice --description "her laptop"\n'
    "  sweep server key revoke 1f0c",
)
@click.pass_context
def key(ctx: click.Context) -> None:
    """Make, list and revoke API keys.

    Each belongs to a user and has a role: read looks at everything, write also records and
    changes (agents need it), admin also makes and revokes keys. The key in the server's home
    folder is its owner's, and always an admin's.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@key.command(epilog="\b\nExample:\n  sweep server key create alice --role read")
@click.argument("user", metavar="USER")
@click.option(
    "--role", type=click.Choice(_ROLES), default="write", show_default=True, help="What it allows."
)
@click.option("--description", default="", metavar="TEXT", help="What it is for, for people.")
@options.json_option("the key and what is on record of it")
def create(user: str, role: str, description: str, as_json: bool) -> None:
    """Make a key and show it, this once.

    The server keeps a digest of it alone. The wandb client takes the same key, as WANDB_API_KEY.
    """
    with connection.server() as client:
        made = client.create_key(user, role, description)
    if as_json:
        options.print_json(made)
        return
    connection.say(f"a key of {user} with the role {role}; it is not shown again:")
    click.echo(made["key"])
    connection.say("set it as OPENSWEEP_API_KEY (or WANDB_API_KEY, for the wandb client)")


@key.command(epilog="\b\nExample:\n  sweep server key ls")
@options.json_option("the keys' records")
def ls(as_json: bool) -> None:
    """List the keys on record, revoked ones too."""
    with connection.server() as client:
        keys = client.api_keys()
    if as_json:
        options.print_json(keys)
        return
    if not keys:
        connection.say("no keys beside the server's own; `sweep server key create USER` makes one")
        return
    now = time.time()
    rows = [
        [
            each["id"],
            f"{each['prefix']}…",
            each["user"],
            each["role"],
            _text.ago(each["created"], now),
            "revoked" if each["revoked"] else _text.ago(each["last_used"], now),
            each["description"] or _text.NOTHING,
        ]
        for each in keys
    ]
    headers = ["ID", "KEY", "USER", "ROLE", "CREATED", "USED", "DESCRIPTION"]
    click.echo(_text.table(headers, rows))


@key.command(epilog="\b\nExample:\n  sweep server key revoke 1f0c2a9b")
@click.argument("name", metavar="ID|PREFIX")
@options.json_option("what is on record of it")
def revoke(name: str, as_json: bool) -> None:
    """Make a key useless for good, within a second.

    Name it by its id, or by 4 characters or more that its id or the key begins with.
    """
    with connection.server() as client:
        record = client.revoke_key(name)
    if as_json:
        options.print_json(record)
    else:
        click.echo(f"the key {record['id']} of {record['user']} is revoked")
