"""Which files never go into a run's patch, whatever git says of them: by folder, name and kind.

Secrets, the homes of servers and agents, run folders, environments, caches; of files that git does
not know, all but sources. Better too much than too little: what is left out is said. Neighbours:
git.py (asks), redacting.py (masks what is not left out).
"""

from __future__ import annotations

import os
import re
from typing import Mapping

from logging_core.home import home_folder

PROGRAMS = frozenset([
    ".py", ".pyi", ".pyx", ".pxd", ".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".cu", ".cuh",
    ".cl", ".rs", ".go", ".java", ".kt", ".scala", ".js", ".mjs", ".ts", ".jl", ".r", ".lua",
    ".sql", ".proto"
])  # fmt: skip
"""Kinds in which a value without quotes is no value, but a name."""
# No .json, .ini, .cfg, .env, .txt: those hold credentials. No .ipynb: those hold what was printed.
_SOURCES = PROGRAMS | frozenset([
    ".sh", ".bash", ".zsh", ".slurm", ".sbatch", ".pbs", ".yaml", ".yml", ".toml", ".gin",
    ".jsonnet", ".cmake", ".md", ".rst"
])  # fmt: skip
_SOURCE_NAME = (
    r"(?i)(requirements[\w.-]*\.(txt|in)|(gnu)?makefile|(docker|container)file|cmakelists\.txt)$"
)
_SECRET_NAME = (
    r"(?i)^\.env|^env\.|\.env$|^id_(rsa|dsa|ecdsa|ed25519)|^\.(netrc|npmrc|pypirc|pgpass|htpasswd)"
    r"|^(_netrc|kubeconfig|known_hosts|authorized_keys)"
    r"|\.(pem|p12|pfx|ppk|jks|kdbx?|gpg|asc|crt|cer|der|ovpn|keytab)$"
    r"|key(?!point|board|frame|word)|secret|token(?!i[sz])|passw|passphrase|credential|service.?account"
)
_SECRET_PROGRAM = (
    r"(?i)(^|[_.-])(secrets?|passwords?|passwd|credentials?|creds|api_?keys?)([_.-]|$)"
    r"|(^|[_.-])(keys?|tokens?)$"
)
_PRIVATE = frozenset([
    "node_modules", "__pycache__", "site-packages", "venv", "virtualenv", "conda-meta", "mlruns",
    "secrets", "credentials"
])  # fmt: skip
_RUNS = ("wandb", "opensweep")  # unless it is a package of that name
_MARKS = frozenset(["pyvenv.cfg", "conda-meta", "CACHEDIR.TAG"])
_HOME = frozenset(
    ["server.lock", "server_id", "server.json", "signing_key", "opensweep.db", "agent_password"]
)
_RECORDS = re.compile(r"(records|system)\.\w+\.bin$|run-\w+\.wandb$")


def is_secret_name(name: str) -> bool:
    """Whether a file of this name holds secrets, going by the name. Programs may be called
    `tokenizer.py` or `key_value_cache.py`, so they must say it more clearly."""
    stem, suffix = os.path.splitext(name)
    if suffix.lower() in PROGRAMS:
        return re.search(_SECRET_PROGRAM, stem) is not None
    return re.search(_SECRET_NAME, name) is not None


def is_source(name: str) -> bool:
    """Whether a file that git does not know is code or a configuration, going by the name."""
    known = os.path.splitext(name)[1].lower() in _SOURCES or re.match(_SOURCE_NAME, name)
    return bool(known) and not name.startswith(".")


class Withheld:
    """Says of the files of one repository why they are left out. Looks at each folder once.

    Args:
        root: the repository.
        environ: names the home.
    """

    def __init__(self, root: str, environ: Mapping[str, str]) -> None:
        self._root = os.path.realpath(root)
        homes = (str(home_folder(environ)), environ.get("OPENSWEEP_RUN_DIR", ""))
        self._homes = {os.path.realpath(home) for home in homes if home}
        self._known: dict[str, str] = {}

    def why(self, path: str, *, tracked: bool) -> str:
        """Why the file at `path` (from the root) is left out; empty: it is not."""
        folder, name = os.path.split(path)
        private = self._of_folder(folder, tracked)
        if private:
            return private
        if is_secret_name(name):
            return "named like a secret"
        return "" if tracked or is_source(name) else "no source file"

    def _of_folder(self, folder: str, tracked: bool) -> str:
        """As `why`. What git tracks is left out of homes alone: the rest somebody chose."""
        key = f"{int(tracked)}{folder}"
        if key not in self._known:
            above = self._of_folder(os.path.dirname(folder), tracked) if folder else ""
            self._known[key] = above or self._look(folder, tracked)
        return self._known[key]

    def _look(self, folder: str, tracked: bool) -> str:
        if tracked and not folder:
            return ""  # a repository that is a home itself: its code is code
        path = os.path.join(self._root, folder)
        if os.path.realpath(path) in self._homes:
            return "below OPENSWEEP_HOME"
        try:
            names = set(os.listdir(path))
        except OSError:
            names = set()  # deleted since
        if names & _HOME or (folder and {"outbox", "runs"} <= names):
            return "the home of a server or an agent"
        if tracked or not folder:
            return ""
        name = os.path.basename(folder)
        if name.startswith(".") or name in _PRIVATE or names & _MARKS:
            return "an environment, a cache or hidden"
        if name in _RUNS and "__init__.py" not in names:
            return "run folders"
        return "run folders" if any(_RECORDS.match(each) for each in names) else ""
