"""Html: a page, shown beside the charts."""

from __future__ import annotations

import os
from typing import Any, Sequence

from logging_core.errors import UsageError
from logging_core.media.base import BatchableMedia
from logging_core.media.place import Place

# Links leave the frame that the page is shown in.
_HEAD = (
    '<base target="_blank"><meta charset="utf-8">'
    "<style>body{font-family:system-ui,sans-serif;margin:8px}</style>"
)


class Html(BatchableMedia):
    """A page of HTML.

    Args:
        data: HTML as text; the path of an ".html" file; or an open file.
        inject: add a `<base>` for links and a plain style to its head.
        data_is_not_path: take `data` as HTML even if a file has that name.

    Raises UsageError, OSError.
    """

    _log_type = "html-file"
    _folder = "media/html"

    def __init__(self, data: Any, inject: bool = True, data_is_not_path: bool = False) -> None:
        super().__init__()
        if not data_is_not_path and _is_page(data):
            with open(data, encoding="utf-8") as file:
                self.html = file.read()
        elif isinstance(data, str):
            self.html = data
        elif hasattr(data, "read"):
            if hasattr(data, "seek"):
                data.seek(0)
            read = data.read()
            self.html = read.decode("utf-8") if isinstance(read, bytes) else str(read)
        else:
            raise UsageError(
                f"Html takes text, the path of an .html file or an open file, not {data!r}"
            )
        if inject:
            self.html = _with_head(self.html)
        self._set_bytes(self.html.encode("utf-8", "backslashreplace"), ".html")

    @classmethod
    def _opensweep_log_list_(cls, items: Sequence[Html], place: Place) -> dict[str, Any]:
        each = [item._opensweep_log_(place) for item in items]
        return {"_type": "html", "count": len(each), "html": each}


def _is_page(data: Any) -> bool:
    if not isinstance(data, (str, os.PathLike)) or os.path.splitext(data)[1] != ".html":
        return False
    try:
        return os.path.isfile(data)
    except ValueError:  # a NUL in the text
        return False


def _with_head(html: str) -> str:
    for opening, before, after in (("<head>", "", ""), ("<html>", "<head>", "</head>")):
        if opening in html:
            start, rest = html.split(opening, 1)
            return f"{start}{opening}{before}{_HEAD}{after}{rest}".strip()
    return (_HEAD + html).strip()
