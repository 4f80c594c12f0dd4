"""Which code a run was: commit, branch, remote, and what differs from them.

Asks git, changes nothing (not even the index), waits for no prompt, and runs no program that a
repository's configuration names. Neighbours: provenance.py.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from logging_core import masking
from logging_core.commands import ask

MAX_DIFF = 10 << 20
_MAX_NEW_FILE = 100 << 10
_MAX_NEW_FILES = 1 << 20
_QUIET = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "core.quotePath=false"),
)
_DIFF = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short")


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


def state(folder: str, *, diff: bool = True) -> GitState | None:
    """Of the repository that holds `folder`; None where there is none, or no git."""
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
    if diff and commit:
        for name, base in (("diff.patch", "HEAD"), *_upstream(folder, commit)):
            patch = _git(root, *_DIFF, base, limit_bytes=MAX_DIFF)
            if patch is None:
                omitted = True
                continue
            patch += _new_files(root) if changed else b""
            if patch:
                diffs[name] = patch
    return GitState(root, commit, branch, masking.text(remote), bool(changed), diffs, omitted)


def _upstream(folder: str, commit: str) -> tuple[tuple[str, str], ...]:
    """Where this branch left the one that it follows, if the commits since are only here."""
    base = _line(folder, "merge-base", "HEAD", "@{upstream}")
    return ((f"diff_{base}.patch", base),) if base and base != commit else ()


def _new_files(root: str) -> bytes:
    """A patch that makes the small text files that git does not know yet."""
    listed = _git(root, "ls-files", "--others", "--exclude-standard", "-z") or b""
    parts: list[bytes] = []
    left = _MAX_NEW_FILES
    for name in filter(None, listed.split(b"\0")):
        path = os.path.join(os.fsencode(root), name)
        try:
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            if os.path.getsize(path) > min(_MAX_NEW_FILE, left):
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
        parts += [
            b"diff --git a/" + name + b" b/" + name + b"\nnew file mode 100644\n",
            b"--- /dev/null\n+++ b/" + name + b"\n@@ -0,0 +1,%d @@\n" % len(lines),
            b"".join(b"+" + line + b"\n" for line in lines),
            b"" if whole else b"\\ No newline at end of file\n",
        ]
    return b"".join(parts)


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
