"""A report as one HTML file that opens from a disk, without a server, and asks nobody anything.

It holds our modules as one script (dashboard/bundle.py), the styles, and the frozen answers; its
own policy allows exactly that script and those styles, by their digests, and no request at all.
What people wrote is in it as JSON alone, and becomes text on the page. Neighbours: frozen.py (the
answers), static/js/report/saved.js (its start).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from typing import Any

from controller.dashboard.assets import BARE, STYLES, Assets
from controller.dashboard.bundle import bundle
from controller.reports.frozen import Frozen

_START = "js/report/saved.js"
_THEME = "js/theme_first.js"
# Inside a script element these would be read as HTML.
_MARKUP = re.compile(r"<(?=!--|/?script)", re.IGNORECASE)


def saved_page(report: dict[str, Any], frozen: Frozen, *, server: str, saved: float) -> bytes:
    """The file.

    Args:
        report: {id, project, title, text, author}; id "": it is not kept at the server.
        server: the address of the server, where links lead.
        saved: when.
    """
    told = {"server": server, "saved": saved, "report": report, **vars(frozen)}
    data = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
    theme, script, styles = _parts()
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_digest(theme)} {_digest(script)}",
            f"style-src {_digest(styles)}",
            "img-src data: blob:",
            "media-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{html.escape(report['title'])}</title>",
        f"<script>{theme}</script>",
        f"<style>{styles}</style>",
        '<body><div id="app"></div>',
        "<noscript>This report is drawn by JavaScript, which is switched off here.</noscript>",
        f'<script type="application/json" id="opensweep-frozen">{data}</script>',
        f'<script type="module">{script}</script>',
    ]
    return ("\n".join(lines) + "\n").encode()


@functools.cache
def _parts() -> tuple[str, str, str]:
    """The first script, the script, and the styles: the same for all reports."""
    files = Assets().files
    return (
        _MARKUP.sub(r"\\x3C", files[_THEME].decode()),
        _MARKUP.sub(r"\\x3C", bundle(files, BARE, _START)),
        files[STYLES].decode().replace("</", "<\\/"),
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
