"""Takes away what nobody needs any more: expired versions, blobs that nothing refers to, uploads
that were given up.

A thread of its own in the server. It never takes a blob that anybody touched within the last day:
an upload, or an artifact of which the first files are there, is not finished in a moment. The order
(doomed in the store, bytes deleted, forgotten in the store) makes it safe to die anywhere, and safe
against an upload of the same bytes (store/files.py). Neighbours: blobs.py, store/artifacts.py.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from controller.blobs import Blobs
from controller.store.store import Store
from sweeps.errors import OpensweepError

log = logging.getLogger(__name__)

EVERY_S = 3600.0
FIRST_S = 30.0
"""After the start: not at once, when agents come back and have much to say."""
UNTOUCHED_S = 24 * 3600.0
STALE_UPLOAD_S = 7 * 24 * 3600.0
"""As long as W&B's clients try again."""
_PAGE = 500


@dataclass(frozen=True)
class Collected:
    """How much was taken away in one go."""

    versions: int
    blobs: int
    uploads: int
    drafts: int = 0


def collect(store: Store, blobs: Blobs, *, untouched_s: float = UNTOUCHED_S) -> Collected:
    """One round. Raises StoreUnavailable and StoreError; what was done until then stays done."""
    versions = store.expire_artifacts()
    drafts = store.drop_stale_drafts(STALE_UPLOAD_S)
    doomed = store.doom_blobs(untouched_s)
    for start in range(0, len(doomed), _PAGE):
        page = doomed[start : start + _PAGE]
        for digest in page:
            blobs.delete(digest)
        store.forget_blobs(page)
    return Collected(versions, len(doomed), blobs.drop_stale_uploads(STALE_UPLOAD_S), drafts)


class Collector:
    """Collects every hour until it is closed."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store, self._blobs = store, blobs
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="garbage", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends it; waits for a round under way."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        pause = FIRST_S
        while not self._over.wait(pause):
            pause = EVERY_S
            try:
                done = collect(self._store, self._blobs)
            except OpensweepError as error:
                log.warning("unused files were not removed, for now: %s", error)
            except Exception:
                log.exception("unused files were not removed")
            else:
                if any(vars(done).values()):
                    log.info(
                        "removed %d expired versions, %d unused files, %d uploads given up, %d"
                        " versions that were never sent whole",
                        *(done.versions, done.blobs, done.uploads, done.drafts),
                    )
