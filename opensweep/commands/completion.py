"""`sweep completion`: the script that teaches a shell to complete commands, options and ids."""

from __future__ import annotations

import os
import sys

import click

from opensweep.commands import connection

_INSTALL = {
    "bash": 'add to ~/.bashrc:  eval "$(sweep completion bash)"',
    "zsh": 'add to ~/.zshrc:  eval "$(sweep completion zsh)"',
    "fish": "run:  sweep completion fish > ~/.config/fish/completions/sweep.fish",
}


@click.command(epilog='\b\nExample:\n  eval "$(sweep completion bash)"')
@click.argument("shell", type=click.Choice(list(_INSTALL)), required=False)
@click.pass_context
def completion(ctx: click.Context, shell: str | None) -> None:
    """Print the shell's completion script.

    It completes commands, options, and the ids that a running server knows. Without a SHELL: the
    one that $SHELL names.
    """
    from click.shell_completion import get_completion_class

    shell = shell or os.path.basename(os.environ.get("SHELL", ""))
    if shell not in _INSTALL:
        raise click.UsageError(f"name your shell: sweep completion {'|'.join(_INSTALL)}", ctx)
    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"this version of click knows no completion for {shell}", ctx)
    click.echo(maker(ctx.find_root().command, {}, "sweep", "_SWEEP_COMPLETE").source())
    if sys.stdout.isatty():
        connection.say(f"\nTo have it in every {shell}, {_INSTALL[shell]}")
