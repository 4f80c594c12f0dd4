"""The modules of a page in two scripts: what every page needs, and what this one adds.

A page of a hundred modules is a hundred requests, of which a browser has six at a time: most of a
first visit, and nearly all of it through a tunnel. The packs lie where the modules would, below
`packs/`, so that the router's `import("./pages/home.js")` finds them unchanged. All share one
registry: a module runs once, whichever pack brought it. Neighbours: bundle.py (makes a script of
modules); shell.py (names the packs in the document).
"""

from __future__ import annotations

import json

from controller.dashboard.assets import BARE, Asset, Assets, packed
from controller.dashboard.bundle import RUNTIME, Modules
from sweeps.errors import NotFoundError

FOLDER = "packs/"
_MAIN = "js/main.js"
_SHARED = "globalThis.opensweepModules"


class Packs:
    """Made when first asked for, and kept."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets
        self._modules = Modules(assets.files, BARE)
        self._kept: dict[str, Asset] = {}

    def get(self, path: str) -> Asset:
        """The pack of a module (`packs/main.js`, `packs/pages/home.js`). Raises NotFoundError, and
        ValueError for a module that cannot be packed."""
        if path not in self._kept:
            module = "js/" + path.removeprefix(FOLDER)
            if module != _MAIN and not module.startswith("js/pages/"):
                raise NotFoundError(f"there is no {path!r} among the files of the pages")
            if module not in self._assets.files:
                raise NotFoundError(f"there is no page {module!r}")
            text = (self._main() if module == _MAIN else self._page(module)).encode()
            self._kept[path] = Asset("text/javascript", text, packed(text))
        return self._kept[path]

    def _main(self) -> str:
        share = f"{_SHARED} = {{ modules, need, give }};\n"
        all_of_it = self._modules.define(self._modules.in_order(_MAIN))
        return "".join([RUNTIME, share, *all_of_it, _run(_MAIN)])

    def _page(self, module: str) -> str:
        there = set(self._modules.in_order(_MAIN))
        added = [path for path in self._modules.in_order(module) if path not in there]
        take = f"const {{ modules, need, give }} = {_SHARED};\n"
        run = f"export default {_run(module, '.default')}"
        return "".join([take, *self._modules.define(added), run])


def _run(module: str, what: str = "") -> str:
    return f"need({json.dumps(module)}){what};\n"
