"""What the documents say can be done: commands and options exist, links lead somewhere, code and
sweep files in them are valid."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner

from controller.valkey import AGENT_ACL, AGENT_USER
from opensweep._command import SECTIONS, cli
from sweeps.spec import load_spec, spec_from_mapping

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "sweep_configs").glob("*.md")),
]
NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_INLINE = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    """A fenced block; `line` is that of its fence."""

    document: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def blocks() -> Iterator[Block]:
    for path, name in zip(DOCUMENTS, NAMES, strict=True):
        text = path.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            indent, language, inner = match.groups()
            inner = re.sub(rf"^{indent}", "", inner, flags=re.MULTILINE)
            yield Block(name, text.count("\n", 0, match.start()) + 1, language, inner)


BLOCKS = list(blocks())


def of_language(*languages: str) -> list[object]:
    return [pytest.param(b, id=b.place) for b in BLOCKS if b.language in languages]


def commands_of(text: str) -> list[list[str]]:
    """The words of each `sweep …` and `make …` in a piece of shell, assignments before it gone."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"^\s*\$ ", "", line.split(" #")[0].split("  ->")[0])
        line = re.sub(r"^\s*(?:\w+=\S+ +)*", "", line)
        if re.match(r"(?:sweep|make)(?: |$)", line):
            line = re.split(r" [|>&;]|;|&&", line)[0]
            found.append(shlex.split(line, comments=True))
    return found


def check_command(words: list[str]) -> None:
    """Raises click's UsageError for a command or an option that there is not."""
    if words[0] == "make":
        wanted = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
        unknown = set(wanted) - make_targets()
        assert not unknown, f"the Makefile has no {unknown}"
        return
    command: click.Command = cli
    context = click.Context(cli, info_name="sweep")
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        assert found is not None, f"there is no command {' '.join(words)!r}"
        command, rest = found, rest[1:]
    context = click.Context(command, info_name=words[0])
    # Not all of click's parsing: a document may leave out what a command needs, or write N for it.
    options, left, given = command.make_parser(context).parse_args(list(rest))
    assert not left, f"{' '.join(words)!r} has too many words: {left}"
    for parameter in given:
        if isinstance(parameter.type, click.Choice):
            parameter.type_cast_value(context, options[parameter.name])


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


FENCED = [
    pytest.param(words, id=f"{block.place} {' '.join(words)[:60]}")
    for block in BLOCKS
    if block.language in ("sh", "bash", "shell", "console")
    for words in commands_of(block.text)
]


@pytest.mark.parametrize("words", FENCED)
def test_a_command_in_a_block_exists_with_its_options(words: list[str]) -> None:
    check_command(words)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_in_a_sentence_exists_with_its_options(name: str) -> None:
    text = _FENCE.sub("", (ROOT / name).read_text(encoding="utf-8"))
    for code in _INLINE.findall(text):
        for words in commands_of(code):
            # `make test|lint` and `sweep pause|resume|stop ID` stand for several.
            if not any(sign in code for sign in "|…/"):
                check_command(words)


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    text = _FENCE.sub("", (ROOT / name).read_text(encoding="utf-8"))
    missing = []
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert not missing, f"{name} has dead links"


def anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("block", of_language("python", "py"))
def test_python_in_a_document_compiles(block: Block) -> None:
    compile(block.text, block.place, "exec")


@pytest.mark.parametrize("block", of_language("yaml", "yml"))
def test_a_sweep_file_in_a_document_is_one(block: Block) -> None:
    import yaml

    data = yaml.safe_load(block.text)
    if isinstance(data, dict) and "parameters" in data:
        if "program" in data or "command" in data:
            load_spec(block.text, path=block.place)
        else:
            spec_from_mapping({"method": "random", **data}, path=block.place)


def test_the_readme_mentions_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    names = {name for section in SECTIONS.values() for name in section}
    assert not {name for name in names if not re.search(rf"sweep {name}\b", text)}


def test_the_readme_of_the_sweep_files_lists_each() -> None:
    folder = ROOT / "sweep_configs"
    listed = set(_LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    there = {path.name for path in folder.iterdir() if path.suffix in (".yaml", ".py")}
    assert there <= listed


@pytest.mark.parametrize("name", NAMES)
def test_a_test_that_a_document_names_is_there(name: str) -> None:
    there = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    for code in _INLINE.findall((ROOT / name).read_text(encoding="utf-8")):
        if re.fullmatch(r"test_\w+", code):
            assert f"def {code}(" in there, code
        elif code.startswith("tests/"):
            assert (ROOT / code).exists(), code


def test_the_acl_line_is_the_one_that_agents_have() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    told = CliRunner().invoke(cli, ["server", "acl"]).stdout
    assert told == f"ACL SETUSER {AGENT_USER} on >PASSWORD {AGENT_ACL}\n"
    assert told in text


def test_the_checks_can_fail() -> None:
    """A wrong command, option or target is noticed; what a shell line holds is found."""
    shell = "export A=b\nA=b sweep run x.yaml --slots 2 | cat  # why\n$ sweep ls --json\nmake test"
    assert commands_of(shell) == [
        ["sweep", "run", "x.yaml", "--slots", "2"],
        ["sweep", "ls", "--json"],
        ["make", "test"],
    ]
    for words in commands_of(shell):
        check_command(words)
    for wrong in (
        "sweep run x.yaml --slot-count 2",
        "sweep export k3j9x2ab --format xml",
        "sweep export k3j9x2ab csv",
        "sweep server begin",
        "sweep begin",
        "make coffee",
    ):
        with pytest.raises((click.UsageError, AssertionError)):
            check_command(wrong.split())
    assert FENCED, "the documents show commands"
