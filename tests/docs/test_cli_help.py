"""The help is documentation: every command has it, with an example that parses."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from opensweep._command import SECTIONS, cli


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and sub-command, by what one types."""
    root = click.Context(cli, info_name="sweep")
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", inner) for sub, inner in command.commands.items())


EVERY = dict(commands())


def help_of(name: str) -> str:
    context = click.Context(cli, info_name="sweep")
    for word in name.split():
        command = context.command
        assert isinstance(command, click.Group)
        inner = command.get_command(context, word)
        assert inner is not None
        context = click.Context(inner, info_name=word, parent=context)
    return context.get_help()


@pytest.mark.parametrize("name", EVERY)
def test_every_command_has_help_with_an_example(name: str) -> None:
    text = help_of(name)
    assert "Example:" in text
    example = text.partition("Example:")[2]
    assert f"sweep {name.split()[0]}" in example
    assert EVERY[name].help


@pytest.mark.parametrize("name", EVERY)
def test_every_option_has_help(name: str) -> None:
    for parameter in EVERY[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]}"


@pytest.mark.parametrize("name", EVERY)
def test_examples_parse(name: str) -> None:
    """No example names an option that is gone."""
    example = help_of(name).partition("Example:")[2]
    lines = re.findall(r"sweep [a-z]+[^\n)`]*", example)
    assert lines
    for line in lines:
        words = shlex.split(re.split(r" {3,}| > |\)", line)[0], comments=True)[1:]
        command = EVERY[words[0]]
        rest = words[1:]
        if isinstance(command, click.Group) and rest:
            command, rest = EVERY[f"{words[0]} {rest[0]}"], rest[1:]
        command.make_context(words[0], [word for word in rest if word != "|"])


LISTED = [(name, line) for part in SECTIONS.values() for name, (_, line) in part.items()]


@pytest.mark.parametrize(("name", "line"), LISTED)
def test_the_listing_says_what_the_command_says(name: str, line: str) -> None:
    """The listing has lines of its own so that it needs no import; they must not drift."""
    own = EVERY[name].help
    assert own is not None
    assert " ".join(own.split("\n\n")[0].split()) == line


def test_usage_tells_what_may_be_left_out() -> None:
    assert "sweep status [OPTIONS] [ID]" in help_of("status")
    assert "sweep trials [OPTIONS] ID" in help_of("trials")


def test_the_help_promises_no_more_than_there_is() -> None:
    """Scripts need one line changed; sweep files need none."""
    text = cli.get_help(click.Context(cli, info_name="sweep"))
    assert "W&B sweep files run unchanged" in text
    assert "${args}" in help_of("best")
