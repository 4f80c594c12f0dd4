"""What a script does with artifacts: log, use, link; models are artifacts.

Logging writes a draft into the run folder and returns; whoever ships the folder does the rest.
Using asks for what is there (artifacts/source.py); an artifact that this run logged before is at
hand at once. Neighbours: reach.py (the methods), artifacts/ (what they work on).
"""

from __future__ import annotations

import os
from typing import Any, Sequence
from urllib.parse import urlsplit

from logging_core import terminal
from logging_core.artifacts import drafts, names
from logging_core.artifacts.artifact import Artifact, target
from logging_core.artifacts.source import Source, source_for
from logging_core.errors import UsageError
from logging_core.records import ArtifactLogged


def log_artifact(
    run: Any,
    artifact_or_path: Any,
    name: str | None = None,
    type: str | None = None,
    aliases: Sequence[str] | str | None = None,
    tags: Sequence[str] | str | None = None,
) -> Artifact:
    """See Run.log_artifact."""
    artifact = _artifact(run, artifact_or_path, name, type)
    if artifact.state != "DRAFT":
        raise UsageError(
            f"{artifact.qualified_name} was logged already: new_draft() makes a copy that can be"
            " changed and logged; aliases and metadata change by save()"
        )
    return _log(run, artifact, aliases, tags, use=False)


def use_artifact(
    run: Any,
    artifact_or_name: Any,
    type: str | None = None,
    aliases: Sequence[str] | str | None = None,
    use_as: str | None = None,
) -> Artifact:
    """See Run.use_artifact."""
    del use_as
    if isinstance(artifact_or_name, Artifact):
        artifact = artifact_or_name
        if artifact.state == "DRAFT":  # brought along: it is made, as an input
            return _log(run, artifact, aliases, None, use=True)
    else:
        artifact = _own_draft(run, str(artifact_or_name)) or _found(run, str(artifact_or_name))
    if type is not None and type != artifact.type:
        raise UsageError(
            f"use_artifact({artifact.name!r}): it has type {artifact.type!r}, not {type!r}"
        )
    if not run.disabled:
        _do(run, {"use": _named(artifact)})
    return artifact


def upsert_artifact(run: Any, artifact_or_path: Any, **options: Any) -> Artifact:
    """See Run.upsert_artifact."""
    return log_artifact(run, artifact_or_path, **_known(options))


def finish_artifact(run: Any, artifact_or_path: Any, **options: Any) -> Artifact:
    """See Run.finish_artifact."""
    if isinstance(artifact_or_path, Artifact) and artifact_or_path.state != "DRAFT":
        return artifact_or_path
    return log_artifact(run, artifact_or_path, **_known(options))


def link_artifact(
    run: Any, artifact: Any, target_path: str, aliases: Sequence[str] | None = None
) -> Artifact:
    """See Run.link_artifact."""
    if not isinstance(artifact, Artifact):
        raise UsageError(f"link_artifact() takes an Artifact, not {artifact!r}")
    if artifact.state == "DRAFT":
        log_artifact(run, artifact)
    project, name = target(target_path, run.project)
    wanted = [names.check_alias(alias) for alias in _several(aliases)]
    if not run.disabled:
        said = {**_named(artifact), "project": project, "name": name, "aliases": wanted}
        _do(run, {"link": said})
    return artifact


def log_model(
    run: Any,
    path: str | os.PathLike[str],
    name: str | None = None,
    aliases: Sequence[str] | None = None,
) -> Artifact:
    """See Run.log_model."""
    return log_artifact(run, os.fspath(path), name, "model", aliases)


def use_model(run: Any, name: str) -> str:
    """See Run.use_model."""
    artifact = use_artifact(run, name)
    if "model" not in artifact.type:
        raise UsageError(
            f"use_model({name!r}): its type is {artifact.type!r}; use_artifact() has it"
        )
    folder = artifact.download()
    entries = list(artifact.manifest.entries)
    return os.path.join(folder, *entries[0].split("/")) if len(entries) == 1 else folder


def link_model(
    run: Any,
    path: str | os.PathLike[str],
    registered_model_name: str,
    name: str | None = None,
    aliases: Sequence[str] | None = None,
) -> Artifact:
    """See Run.link_model."""
    artifact = log_model(run, path, name)
    return link_artifact(run, artifact, f"model-registry/{registered_model_name}", aliases)


def _artifact(run: Any, given: Any, name: str | None, type: str | None) -> Artifact:
    """The artifact itself, or one made of a file, a folder or an address."""
    if isinstance(given, Artifact):
        return given
    if not isinstance(given, (str, os.PathLike)):
        raise UsageError(f"expected an Artifact or a path, not {given!r}")
    path = os.fspath(given)
    base = os.path.basename(os.path.normpath(urlsplit(path).path)) or "files"
    chosen = name or names.fitting_name(f"run-{run.id}-{base}")
    artifact = Artifact(chosen, type or "unspecified")
    if os.path.isdir(path):
        artifact.add_dir(path)
    elif os.path.isfile(path):
        artifact.add_file(path)
    elif urlsplit(path).scheme:
        artifact.add_reference(path)
    else:
        raise UsageError(f"{path!r}: there is no such file or folder")
    return artifact


def _log(
    run: Any,
    artifact: Artifact,
    aliases: Sequence[str] | str | None,
    tags: Sequence[str] | str | None,
    *,
    use: bool,
) -> Artifact:
    wanted = [names.check_alias(alias) for alias in _several(aliases)]
    artifact.aliases = list(dict.fromkeys([*artifact.aliases, names.LATEST, *wanted]))
    artifact.tags = list(dict.fromkeys([*artifact.tags, *_several(tags)]))
    artifact.finalize()
    artifact._project = artifact._project or run.project
    if run.disabled:
        return artifact  # another rank, or nothing is recorded at all
    try:
        draft = artifact._move_into(str(run._folder.artifacts))
        draft.write(
            {
                "log": {
                    "type": artifact.type,
                    "name": artifact.name,
                    "description": artifact.description or "",
                    "metadata": artifact.metadata,
                    "aliases": artifact.aliases,
                    "tags": artifact.tags,
                    "ttl_s": artifact._ttl_s,
                    "use": use,
                }
            },
            artifact.manifest,
        )
    except OSError as error:
        terminal.warn(f"the artifact {artifact.name!r} cannot be kept: {error}")
        return artifact
    artifact._sent, artifact._made_in = draft, run
    run._journal.record(ArtifactLogged(draft.name, use))
    return artifact


def _do(run: Any, what: dict[str, Any]) -> None:
    """A draft that has no files: something to be said to the server."""
    draft = drafts.Draft(os.path.join(str(run._folder.artifacts), drafts.new_name()))
    try:
        draft.write(what)
    except OSError as error:
        terminal.warn(f"the run folder cannot be written: {error}")
        return
    run._journal.record(ArtifactLogged(draft.name, "use" in what))


def _named(artifact: Artifact) -> dict[str, str]:
    """Its id, or, while it has none, its draft."""
    if artifact.id is not None or artifact._learn():
        return {"artifact": str(artifact.id)}
    if artifact._sent is None:
        raise UsageError(f"the artifact {artifact.name!r} was logged where nothing is recorded")
    return {"draft": artifact._sent.name}


def _own_draft(run: Any, text: str) -> Artifact | None:
    """The artifact of this name that this run logged last and the server may not have yet."""
    if run._folder is None:
        return None
    asked = names.parse(text)
    if asked.project not in (None, run.project):
        return None
    for draft in reversed(drafts.all_drafts(run._folder.artifacts)):
        said = (draft.read() or {}).get("log")
        if not said or said["name"] != asked.name or said["use"]:
            continue
        if asked.alias not in said["aliases"]:
            continue
        answer = draft.read_answer()
        if answer is not None:
            return None  # the server knows best: an alias may have moved since
        artifact = Artifact(said["name"], said["type"], said["description"], said["metadata"])
        artifact._begin(draft.read_manifest())
        artifact._sent, artifact._made_in = draft, run
        artifact._project, artifact._final = run.project, True
        artifact.aliases, artifact.tags = list(said["aliases"]), list(said["tags"])
        for entry in artifact._manifest.entries.values():
            entry.owner = artifact
            if entry.ref is None:
                entry.local_path = draft.blob(entry.digest)
        return artifact
    return None


def _found(run: Any, text: str) -> Artifact:
    asked = names.parse(text)
    source: Source = source_for(run)
    query = {"name": text, "project": asked.project or run.project}
    return Artifact.of_server(source.json("GET", "/api/artifact", query)["artifact"], source)


def _several(given: Sequence[str] | str | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or [])


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """Without W&B's `distributed_id`: the version is made by whoever logs it."""
    return {key: value for key, value in options.items() if key != "distributed_id"}
