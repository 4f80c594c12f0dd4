"""Which code a run was: commit, branch, remote, and what differs from them.

Asks git, changes nothing (not even the index), waits for no prompt, and runs no program that a
repository's configuration names. A patch is read by whoever may read the run, so it holds sources
alone, and no secrets in them. Neighbours: provenance.py, withheld.py, redacting.py.
"""

from __future__ import annotations

import os
import re
from typing import Mapping, NamedTuple

from logging_core import masking, redacting
from logging_core.commands import ask
from logging_core.masking import MASK
from logging_core.withheld import PROGRAMS, Withheld

MAX_DIFF = 10 << 20
_MAX_NEW_FILE = 100 << 10
_MAX_NEW_FILES = 1 << 20
_QUIET = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "core.quotePath=false"),
)
_DIFF = (
    *("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short"),
    *("--no-renames", "--src-prefix=a/", "--dst-prefix=b/"),  # whatever the user is used to
)
_NAMED = 10  # files for each reason


class GitState(NamedTuple):
    """Empty strings where there is none; `diff`: files of patches, by name."""

    root: str
    commit: str
    branch: str
    remote: str
    dirty: bool
    diffs: dict[str, bytes]
    omitted: bool  # a diff was left out

    def brief(self) -> dict[str, object]:
        said = {"commit": self.commit, "branch": self.branch, "remote": self.remote}
        found: dict[str, object] = {name: value for name, value in said.items() if value}
        found["dirty"] = self.dirty
        if self.omitted:
            found["diff"] = f"left out: over {MAX_DIFF >> 20} MB, or git took too long"
        return found


def state(folder: str, environ: Mapping[str, str], *, diff: bool = True) -> GitState | None:
    """Of the repository that holds `folder`; None where there is none, or no git.

    Args:
        environ: names the home, of which nothing is in a diff.
    """
    places = _git(folder, "rev-parse", "--show-toplevel")
    if places is None:
        return None
    root = os.fsdecode(places.rstrip(b"\n"))
    commit = _line(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    branch = _line(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    remote = _line(folder, "config", "--get", "remote.origin.url")
    if not remote:
        first = _line(folder, "remote").split("\n")[0]
        remote = _line(folder, "config", "--get", f"remote.{first}.url") if first else ""
    # Not below `folder` alone: a change anywhere in the repository counts.
    changed = _git(root, "status", "--porcelain", "--untracked-files=normal") or b""
    diffs: dict[str, bytes] = {}
    omitted = False
    withheld = Withheld(root, environ)
    if diff and commit:
        for name, base in (("diff.patch", "HEAD"), *_upstream(folder, commit)):
            patch = _git(root, *_DIFF, base, limit_bytes=MAX_DIFF)
            if patch is None:
                omitted = True
                continue
            left_out = LeftOut()
            patch = _tracked(patch, withheld, left_out)
            patch += _new_files(root, withheld, left_out) if changed else b""
            patch = left_out.lines() + patch
            if patch:
                diffs[name] = patch
    return GitState(root, commit, branch, masking.text(remote), bool(changed), diffs, omitted)


def _upstream(folder: str, commit: str) -> tuple[tuple[str, str], ...]:
    """Where this branch left the one that it follows, if the commits since are only here."""
    base = _line(folder, "merge-base", "HEAD", "@{upstream}")
    return ((f"diff_{base}.patch", base),) if base and base != commit else ()


def _tracked(patch: bytes, withheld: Withheld, left_out: LeftOut) -> bytes:
    """A patch of git's without the files that are nobody's business, and no secret in the rest."""
    parts: list[bytes] = []
    for part in re.split(rb"(?m)^(?=diff --)", patch):
        name = _name_in(part.partition(b"\n")[0])
        why = withheld.why(name, tracked=True) if name else ""
        if why:
            left_out.add(name, why)
        else:
            parts.append(_redacted(part, name, left_out))
    return b"".join(parts)


def _name_in(header: bytes) -> str:
    """The file in `diff --git a/NAME b/NAME`; without renames it is the same name twice."""
    both = header.rpartition(b"diff --git ")[2] if header.startswith(b"diff --git ") else b""
    if not both:
        return os.fsdecode(header.rpartition(b" ")[2])
    quotes = 1 if both.startswith(b'"') else 0  # git writes odd names as it would in C
    length = (len(both) - 5 - 4 * quotes) // 2
    return os.fsdecode(both[2 + quotes : 2 + quotes + length])


def _redacted(part: bytes, name: str, left_out: LeftOut) -> bytes:
    # What git says before the first hunk stays. Every byte stays as it is, whatever the encoding.
    start = part.find(b"\n@@") + 1 if part.startswith(b"diff ") else 0
    text = part[start:].decode("latin-1")
    bare = os.path.splitext(name)[1].lower() not in PROGRAMS
    masked = redacting.source(text, bare=bare, prefix=1)
    if masked != text:
        left_out.add(name, f"in the patch, but secrets in it are {MASK}")
    return part[:start] + masked.encode("latin-1")


def _new_files(root: str, withheld: Withheld, left_out: LeftOut) -> bytes:
    """A patch that makes the small sources that git does not know yet."""
    listed = _git(root, "ls-files", "--others", "--exclude-standard", "-z", limit_bytes=16 << 20)
    if listed is None:
        left_out.add("all files that git does not know", "too many of them, or git took too long")
    parts: list[bytes] = []
    left = _MAX_NEW_FILES
    for name in filter(None, (listed or b"").split(b"\0")):
        path = os.path.join(os.fsencode(root), name)
        shown = os.fsdecode(name)
        why = withheld.why(shown, tracked=False)
        if why:
            left_out.add(shown, why)
            continue
        try:
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            if os.path.getsize(path) > min(_MAX_NEW_FILE, left):
                left_out.add(shown, "too large, or too much with the others")
                continue
            with open(path, "rb") as file:
                text = file.read(_MAX_NEW_FILE)
        except OSError:
            continue
        if not text or b"\0" in text:
            continue
        left -= len(text)
        lines = text.split(b"\n")
        whole = not lines[-1]
        lines = lines[:-1] if whole else lines
        body = b"".join(b"+" + line + b"\n" for line in lines)
        parts += [
            b"diff --git a/" + name + b" b/" + name + b"\nnew file mode 100644\n",
            b"--- /dev/null\n+++ b/" + name + b"\n@@ -0,0 +1,%d @@\n" % len(lines),
            _redacted(body, shown, left_out),
            b"" if whole else b"\\ No newline at end of file\n",
        ]
    return b"".join(parts)


class LeftOut:
    """What is not in a patch, or not as it was; said in its first lines, which git passes over."""

    def __init__(self) -> None:
        self._by_reason: dict[str, list[str]] = {}

    def add(self, name: str, why: str) -> None:
        self._by_reason.setdefault(why, []).append(name)

    def lines(self) -> bytes:
        said = []
        for why, names in sorted(self._by_reason.items()):
            # A name may hold anything, a line break, too.
            shown = ", ".join(ascii(name)[1:-1] for name in names[:_NAMED])
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            verb = "masked" if MASK in why else "left out"
            said.append(f"# opensweep: {verb}: {shown}{more} ({why})\n")
        return "".join(said).encode()


def _line(folder: str, *args: str) -> str:
    return (_git(folder, *args) or b"").decode("utf-8", "replace").strip()


def _git(folder: str, *args: str, limit_bytes: int = 1 << 20) -> bytes | None:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    return ask(["git", *_QUIET, *args], cwd=folder, environ=environ, limit_bytes=limit_bytes)
