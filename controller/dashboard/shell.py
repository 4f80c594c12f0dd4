"""The one HTML document of all pages, and the policy that browsers hold it to.

The document holds nothing of anybody's data, so that it is given without a key: what it shows, its
modules fetch from the JSON API, with the session of whoever logged in. Nothing but our own files
runs in it: the Content-Security-Policy allows no inline script but the import map, by its digest,
no inline style, and no text that becomes markup or code (trusted types). By the path it names the
modules of the page beforehand, so that a browser asks for all of them at once. Neighbours:
assets.py; static/js/router.js (which page a path means); controller/server/sessions.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from functools import cached_property
from html import escape

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from controller.dashboard.assets import BARE, PREFIX, STYLES, Assets, packed
from sweeps.errors import NotFoundError

log = logging.getLogger(__name__)

_MAIN = "js/main.js"
_ROUTER = "js/router.js"
_ROUTE = re.compile(r'pattern:\s*/(.+?)/,\s*load:\s*\(\)\s*=>\s*import\("\./(pages/[^"]+)"\)')
_FOREVER = "public, max-age=31536000, immutable"
_DOCUMENT_HEADERS = {
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Shell:
    """The document; see the module."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets
        self._documents: dict[str | None, _Document] = {}

    @cached_property
    def import_map(self) -> str:
        return json.dumps({"imports": {name: self._assets.url(at) for name, at in BARE.items()}})

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
                "require-trusted-types-for 'script'",
                "trusted-types 'none'",
            )
        )

    @cached_property
    def routes(self) -> list[tuple[re.Pattern[str], str]]:
        """Which module draws a path, as router.js says it."""
        text = self._assets.files.get(_ROUTER, b"").decode()
        return [
            (re.compile(re.sub(r"\(\?<(?=[a-z])", "(?P<", pattern)), f"js/{module}")
            for pattern, module in _ROUTE.findall(text)
        ]

    def page_of(self, path: str) -> str | None:
        """The module that draws a path (with its escapes); None: there is no such page."""
        bare = path.rstrip("/") or "/"
        return next((module for pattern, module in self.routes if pattern.match(bare)), None)

    def document(self, path: str) -> _Document:
        """What a browser gets that opens a path."""
        module = self.page_of(path)
        if module not in self._documents:
            self._documents[module] = _Document(self._text(module).encode())
        return self._documents[module]

    def _text(self, page: str | None) -> str:
        url = self._assets.url
        modules = self._assets.with_imports(_MAIN, *([page] if page else []))
        lines = [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="robots" content="noindex">',
            "<title>opensweep</title>",
            f'<link rel="icon" href="{url("icon.svg")}" type="image/svg+xml">',
            f'<script src="{url("js/theme_first.js")}"></script>',
            f'<link rel="stylesheet" href="{url(STYLES)}">',
            f'<script type="importmap">{self.import_map}</script>',
            *(f'<link rel="modulepreload" href="{url(module)}">' for module in modules),
            f'<script type="module" src="{url(_MAIN)}"></script>',
            '<body><div id="app"></div>',
            "<noscript>The pages of opensweep are drawn by JavaScript. In the terminal, "
            "<code>sweep status ID --watch</code> shows a sweep.</noscript>",
        ]
        return "\n".join(lines) + "\n"

    def answer(self, request: Request) -> Response:
        found = self.document(request.scope["raw_path"].decode("latin-1"))
        headers = {
            **_DOCUMENT_HEADERS,
            "Content-Security-Policy": self.policy,
            "ETag": found.etag,
        }
        if found.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = found.plain
        if found.packed is not None and _takes_gzip(request):
            headers["Content-Encoding"] = "gzip"
            body = found.packed
        return Response(body, media_type="text/html", headers=headers)


class _Document:
    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self.packed = packed(plain)
        self.etag = f'W/"{hashlib.sha256(plain).hexdigest()[:20]}"'


class _Pages:
    """Files and document, as they are on disk when the first one is asked for."""

    def __init__(self) -> None:
        self._now = self._read()

    @staticmethod
    def _read() -> tuple[Assets, Shell]:
        assets = Assets()
        return assets, Shell(assets)

    @property
    def now(self) -> tuple[Assets, Shell]:
        if self._now[0].missing:
            self._now = self._read()  # somebody may have built them meanwhile
        return self._now


_PAGES = _Pages()


async def page(request: Request) -> Response:
    """GET of any address that is no API's, by a browser: the document, which finds its page."""
    try:
        assets, shell = _PAGES.now
        if assets.missing:
            return _broken(f"This server has no {', '.join(assets.missing)}.", *_BUILD)
        return shell.answer(request)
    except Exception:
        log.exception("the pages cannot be made")
        return _broken("This server failed to make its pages.", "Its log says why.")


_BUILD = (
    "What the pages take from npm comes with the installed package; in a checkout, "
    "<code>make setup</code> fetches it.",
    "Sweeps and the <code>sweep</code> command work without.",
)


def _broken(what: str, *more: str) -> Response:
    """A page of plain sentences; `more` is HTML of ours."""
    sentences = "".join(f"<p>{each}</p>" for each in (escape(what), *more))
    return Response(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>opensweep</title>'
        f"<h1>The pages cannot be shown</h1>{sentences}",
        503,
        media_type="text/html",
        headers={**_DOCUMENT_HEADERS, "Content-Security-Policy": "default-src 'none'"},
    )


async def asset(request: Request) -> Response:
    """GET /static/{version}/{path}: a file of the pages; of this version alone."""
    assets = _PAGES.now[0]
    if request.path_params["version"] != assets.version:
        raise NotFoundError("the server has another version of the pages: load them again")
    found = assets.get(request.path_params["path"])
    headers = {
        "Cache-Control": _FOREVER,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if found.packed is not None and _takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, media_type=found.media_type, headers=headers)
    return Response(found.plain, media_type=found.media_type, headers=headers)


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


async def icon(request: Request) -> Response:  # noqa: ARG001
    """GET /favicon.ico: asked for where no document of ours names the icon (a file, JSON)."""
    found = _PAGES.now[0].get("icon.svg")
    headers = {"Cache-Control": "max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(found.plain, media_type=found.media_type, headers=headers)


async def robots(request: Request) -> Response:  # noqa: ARG001
    """GET /robots.txt: nothing here is for search engines."""
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


ROUTES = (
    ("GET", PREFIX + "{version}/{path:path}", asset),
    ("GET", "/favicon.ico", icon),
    ("GET", "/robots.txt", robots),
)
