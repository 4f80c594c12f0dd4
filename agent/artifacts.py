"""The errand that brings a run's artifacts: each draft in its folder becomes a version.

The drafts are done in the order in which the script made them (logging_core/artifacts/drafts.py):
bytes first, then the manifest, then the version that refers to them; the server's answer is left in
the draft, for the script that waits. Bytes that the server has move into the download cache. A
draft that an earlier attempt or agent left is done as well. Neighbours: sending.py, errands.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from agent.listening import Listener
from agent.sending import Origin, Steps, Work, send_steps
from logging_core.artifacts import staging
from logging_core.artifacts.cache import Cache
from logging_core.artifacts.drafts import Draft, all_drafts
from logging_core.errors import UsageError as NamesError
from logging_core.folder import RunFolder
from logging_core.records import ArtifactLogged, Record
from sweeps.errors import NotFoundError, UsageError
from sweeps.protocol.client import Client

_TURNS = 3
"""So often the server may miss bytes that it was just given."""


class ArtifactErrand:
    """Artifacts of one run."""

    def __init__(
        self, client: Client, folder: RunFolder, run_id: str, writer: int, listener: Listener
    ) -> None:
        del writer  # a version counts, whoever comes later
        self._client, self._run_id, self._listener = client, run_id, listener
        self._folder = folder
        self._cache = Cache.from_environment()
        self._look = True  # an earlier agent may have left some
        self._work = Work()

    def take(self, record: Record) -> None:
        if isinstance(record, ArtifactLogged):
            self._look = True

    def work(self, *, final: bool) -> bool:
        del final
        if not self._work.under_way and self._look:
            self._work.begin(self._all())
        return self._work.go_on()

    def _all(self) -> Steps:
        while self._look:
            self._look = False
            try:
                for draft in all_drafts(self._folder.artifacts):
                    what = draft.read()
                    if what is not None and draft.read_answer() is None:
                        yield from self._one(draft, what)
            except BaseException:
                self._look = True  # from the first that is not answered, next time
                raise

    def _one(self, draft: Draft, what: Mapping[str, Any]) -> Steps:
        try:
            if "log" in what:
                yield from self._log(draft, what["log"])
            elif "link" in what:
                self._link(draft, what["link"])
            else:
                self._client.use_artifact(self._run_id, self._id(what["use"]))
                draft.answer({})
        except NotFoundError as error:
            if f"run {self._run_id!r}" in str(error):
                raise  # not registered yet: it will be
            self._refused(draft, what, str(error))
        except (UsageError, NamesError, OSError, KeyError, TypeError) as error:
            self._refused(draft, what, str(error) or type(error).__name__)
        yield

    def _log(self, draft: Draft, said: Mapping[str, Any]) -> Steps:
        manifest = draft.read_manifest()
        digest, size = staging.digest_of(draft.manifest_path)
        wanted: dict[str, Origin | None] = {digest: Origin(draft.manifest_path, size)}
        for blob, length in manifest.blobs.items():
            path = draft.blob(blob)
            wanted[blob] = Origin(path, length) if os.path.exists(path) else None
        for _ in range(_TURNS):
            lost = yield from send_steps(self._client, wanted)
            if lost:
                raise UsageError(
                    f"{len(lost)} of its files are gone or damaged, here and on the server"
                )
            answer = self._client.commit_artifact({**said, "run": self._run_id, "manifest": digest})
            if "artifact" in answer:
                draft.answer(answer)
                self._move_bytes(draft)
                return
            yield
        raise UsageError("the server misses files that it was given: look at its log")

    def _link(self, draft: Draft, said: Mapping[str, Any]) -> None:
        linked = self._client.link_artifact(
            self._id(said), said["project"], said["name"], said["aliases"]
        )
        draft.answer(linked)

    def _id(self, said: Mapping[str, Any]) -> str:
        """The id of the artifact that a draft names; of one that was logged, from its answer."""
        if "artifact" in said:
            return str(said["artifact"])
        logged = Draft(os.path.join(self._folder.artifacts, os.path.basename(said["draft"])))
        answer = logged.read_answer()
        if answer is None or "artifact" not in answer:
            raise UsageError("the artifact that it names was not kept")
        return str(answer["artifact"]["id"])

    def _refused(self, draft: Draft, what: Mapping[str, Any], why: str) -> None:
        if draft.read_answer() is not None:
            return  # another attempt's errand was quicker, and has moved the bytes
        name = (what.get("log") or what.get("link") or {}).get("name", "")
        kind = next(iter(what), "draft")
        self._listener.warn(
            f"{self._run_id}: an artifact is not kept ({kind} {name}, in {draft.folder}): {why}"
        )
        draft.answer({"error": why})

    def _move_bytes(self, draft: Draft) -> None:
        """The script, or another of this machine, may want them again soon."""
        with suppress(OSError):
            for digest in os.listdir(draft.blobs):
                self._cache.keep(draft.blob(digest), digest)
            os.rmdir(draft.blobs)
        self._cache.trim()
