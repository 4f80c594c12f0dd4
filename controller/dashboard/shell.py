"""The one HTML document of all pages, and the policy that browsers hold it to.

The document holds nothing of anybody's data, so that it is given without a key: what it shows, its
modules fetch from the JSON API, with the session of whoever logged in. Nothing but our own files
runs in it: the Content-Security-Policy allows no inline script but the import map, by its digest,
and no inline style. Neighbours: assets.py; controller/server/sessions.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cached_property

from starlette.requests import Request
from starlette.responses import Response

from controller.dashboard.assets import PREFIX, Assets

_BARE = {
    "preact": "vendor/preact.mjs",
    "preact/hooks": "vendor/preact-hooks.mjs",
    "htm": "vendor/htm.mjs",
    "uplot": "vendor/uplot.mjs",
    "marked": "vendor/marked.mjs",
}
_MAIN = "js/main.js"
_STYLES = ("vendor/uplot.css", "css/base.css")
_FOREVER = "public, max-age=31536000, immutable"


class Shell:
    """The document; see the module."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    @cached_property
    def import_map(self) -> str:
        return json.dumps({"imports": {name: self._assets.url(at) for name, at in _BARE.items()}})

    @cached_property
    def policy(self) -> str:
        """The Content-Security-Policy."""
        digest = hashlib.sha256(self.import_map.encode()).digest()
        scripts = f"'self' 'sha256-{base64.b64encode(digest).decode()}'"
        return "; ".join(
            (
                "default-src 'none'",
                f"script-src {scripts}",
                "style-src 'self'",
                "img-src 'self' blob: data:",
                "media-src 'self' blob:",
                "connect-src 'self'",
                "font-src 'self'",
                "frame-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )

    @cached_property
    def document(self) -> bytes:
        url = self._assets.url
        modules = [_MAIN, *self._assets.needed_by(_MAIN), *_BARE.values()]
        lines = [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            "<title>opensweep</title>",
            f'<link rel="icon" href="{url("icon.svg")}" type="image/svg+xml">',
            *(f'<link rel="stylesheet" href="{url(style)}">' for style in self._styles()),
            f'<script type="importmap">{self.import_map}</script>',
            *(f'<link rel="modulepreload" href="{url(module)}">' for module in modules),
            f'<script type="module" src="{url(_MAIN)}"></script>',
            '<body><div id="app"></div>',
            "<noscript>The pages of opensweep are drawn by JavaScript. In the terminal, "
            "<code>sweep status ID --watch</code> shows a sweep.</noscript>",
        ]
        return ("\n".join(lines) + "\n").encode()

    def _styles(self) -> list[str]:
        others = [at for at in self._assets.files if at.startswith("css/") and at not in _STYLES]
        return [*_STYLES, *sorted(others)]

    def answer(self) -> Response:
        return Response(
            self.document,
            media_type="text/html",
            headers={
                "Content-Security-Policy": self.policy,
                "Cache-Control": "no-cache",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "Cross-Origin-Opener-Policy": "same-origin",
            },
        )


_ASSETS = Assets()
_SHELL = Shell(_ASSETS)


async def page(request: Request) -> Response:  # noqa: ARG001
    """GET of any address that is no API's, by a browser: the document, which finds its page."""
    return _SHELL.answer()


async def asset(request: Request) -> Response:
    """GET /static/{version}/{path}: a file of the pages."""
    found = _ASSETS.get(request.path_params["path"])
    headers = {"Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    current = request.path_params["version"] == _ASSETS.version
    headers["Cache-Control"] = _FOREVER if current else "no-cache"
    if found.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, media_type=found.media_type, headers=headers)
    return Response(found.plain, media_type=found.media_type, headers=headers)


ROUTES = (("GET", PREFIX + "{version}/{path:path}", asset),)
