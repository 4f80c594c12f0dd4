"""The one HTML document of all pages, and the policy that browsers hold it to.

The document holds nothing of anybody's data, so that it is given without a key: what it shows, its
modules fetch from the JSON API, with the session of whoever logged in. Nothing but our own files
runs in it: the Content-Security-Policy allows no inline script, no inline style, and no text that
becomes markup or code (trusted types). By the path it names the script of the page beforehand, so
that a browser asks for all that it needs at once. Neighbours: assets.py; packs.py;
static/js/router.js (which page a path means); controller/server/sessions.py.
"""

from __future__ import annotations

import hashlib
import logging
import re
from functools import cached_property
from html import escape

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from controller.dashboard.assets import PREFIX, STYLES, Asset, Assets
from controller.dashboard.packs import FOLDER as PACKS
from controller.dashboard.packs import Packs
from sweeps.errors import NotFoundError

log = logging.getLogger(__name__)

_MAIN = f"{PACKS}main.js"
_THEME = "js/theme_first.js"
_ROUTER = "js/router.js"
_ROUTE = re.compile(r'pattern:\s*/(.+?)/,\s*load:\s*\(\)\s*=>\s*import\("\./(pages/[^"]+)"\)')
_FOREVER = "public, max-age=31536000, immutable"
_DOCUMENT_HEADERS = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
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


class Shell:
    """The document; see the module."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets
        self._documents: dict[str | None, _Document] = {}

    @cached_property
    def packs(self) -> Packs:
        return Packs(self._assets)

    @cached_property
    def routes(self) -> list[tuple[re.Pattern[str], str]]:
        """Which pack draws a path, as router.js says it."""
        text = self._assets.files.get(_ROUTER, b"").decode()
        return [
            (re.compile(re.sub(r"\(\?<(?=[a-z])", "(?P<", pattern)), PACKS + module)
            for pattern, module in _ROUTE.findall(text)
        ]

    def page_of(self, path: str) -> str | None:
        """The pack that draws a path (with its escapes); None: there is no such page."""
        bare = path.rstrip("/") or "/"
        return next((pack for pattern, pack in self.routes if pattern.match(bare)), None)

    def document(self, path: str) -> _Document:
        """What a browser gets that opens a path."""
        page = self.page_of(path)
        if page not in self._documents:
            self._documents[page] = _Document(self._text(page).encode())
        return self._documents[page]

    def _text(self, page: str | None) -> str:
        url = self._assets.url
        scripts = [_MAIN, *([page] if page else [])]
        for script in scripts:
            self.packs.get(script)  # what cannot be packed is told here, not in a browser's console
        lines = [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="robots" content="noindex">',
            "<title>opensweep</title>",
            f'<link rel="icon" href="{url("icon.svg")}" type="image/svg+xml">',
            f'<script src="{url(_THEME)}"></script>',
            f'<link rel="stylesheet" href="{url(STYLES)}">',
            *(f'<link rel="modulepreload" href="{url(script)}">' for script in scripts),
            f'<script type="module" src="{url(_MAIN)}"></script>',
            '<body><div id="app"></div>',
            "<noscript>The pages of opensweep are drawn by JavaScript. In the terminal, "
            "<code>sweep status ID --watch</code> shows a sweep.</noscript>",
        ]
        return "\n".join(lines) + "\n"

    def answer(self, request: Request) -> Response:
        """May take a while when it is the first for its page: for a thread."""
        found = self.document(request.scope["raw_path"].decode("latin-1"))
        headers = {
            **_DOCUMENT_HEADERS,
            "Content-Security-Policy": _POLICY,
            "ETag": found.etag,
            **_isolation(request),
        }
        if found.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(found.text, media_type="text/html", headers=headers)


def _isolation(request: Request) -> dict[str, str]:
    """Keeps pages of others from holding on to our window. Browsers heed it by https and on this
    machine, and complain about it elsewhere."""
    host = request.url.hostname or ""
    local = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    return {"Cross-Origin-Opener-Policy": "same-origin"} if local or secure else {}


class _Document:
    def __init__(self, text: bytes) -> None:
        self.text = text
        self.etag = f'"{hashlib.sha256(text).hexdigest()[:20]}"'


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
        assets, shell = await to_thread.run_sync(lambda: _PAGES.now)
        if assets.missing:
            return _broken(f"This server has no {', '.join(assets.missing)}.", *_BUILD)
        return await to_thread.run_sync(shell.answer, request)
    except ValueError as error:
        log.error("the pages cannot be made: %s", error)
        return _broken(f"The scripts of this server cannot be put together: {error}.")
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
    path = request.path_params["path"]
    found = await to_thread.run_sync(_find, request.path_params["version"], path)
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


def _find(version: str, path: str) -> Asset:
    assets, shell = _PAGES.now
    if version != assets.version:
        raise NotFoundError("the server has another version of the pages: load them again")
    return (shell.packs if path.startswith(PACKS) else assets).get(path)


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


async def icon(request: Request) -> Response:  # noqa: ARG001
    """GET /favicon.ico: asked for where no document of ours names the icon (a file, JSON)."""
    found = (await to_thread.run_sync(lambda: _PAGES.now))[0].get("icon.svg")
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
