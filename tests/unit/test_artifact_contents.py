"""What goes into an artifact, and what is kept of a run's files before anybody ships them."""

from __future__ import annotations

import gc
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_logger_exports import find_python

import opensweep
from logging_core.artifacts import names, staging
from logging_core.artifacts.artifact import Artifact
from logging_core.artifacts.drafts import all_drafts
from logging_core.artifacts.manifest import Entry, Manifest
from logging_core.errors import UsageError
from logging_core.records import ArtifactLogged, FileSaved, Reader
from logging_core.run import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENSWEEP_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("OPENSWEEP_MODE", "offline")
    monkeypatch.setenv("OPENSWEEP_SILENT", "1")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    with opensweep.init(project="p", id="r1") as made:
        yield made


def recorded(run: Run, kind: type) -> list[Any]:
    assert run._folder is not None
    return [one for one in Reader(run._folder.records("1")).read() if isinstance(one, kind)]


def kept(artifact: Artifact) -> dict[str, str]:
    """The contents as they will be sent."""
    entries = artifact.manifest.entries.values()
    return {entry.path: Path(entry.local_path or "").read_text() for entry in entries}


def test_a_file_is_kept_as_it_was_when_it_was_added(folder: Path, run: Run) -> None:
    (folder / "d/sub").mkdir(parents=True)
    (folder / "a").write_text("a")
    (folder / "d/sub/b").write_text("b")
    artifact = opensweep.Artifact("ds", "dataset")
    artifact.add_file("a", name="x/./y")
    artifact.add_dir("d", name="below/")
    artifact.add_file(folder / "a", policy="immutable")
    (folder / "a").unlink()  # what is linked lives on
    (folder / "d/sub/b").write_text("changed")
    assert kept(artifact) == {"x/y": "a", "below/sub/b": "b", "a": "a"}
    assert artifact.get_added_local_path_name(str(folder / "d/sub/b")) == "below/sub/b"
    run.log_artifact(artifact)
    assert kept(artifact) == {"x/y": "a", "below/sub/b": "b", "a": "a"}
    assert [one.draft for one in recorded(run, ArtifactLogged)] == [
        draft.name for draft in all_drafts(folder / "runs/r1/artifacts")
    ]


def test_the_same_name_holds_one_content(folder: Path) -> None:
    (folder / "a").write_text("a")
    (folder / "b").write_text("b")
    artifact = opensweep.Artifact("ds", "dataset")
    artifact.add_file("a", name="x")
    artifact.add_file("a", name="x")
    with pytest.raises(UsageError, match="another file 'x'"):
        artifact.add_file("b", name="x")
    artifact.add_file("b", name="x", overwrite=True)
    with artifact.new_file("new/file") as file:
        file.write("text")
    with pytest.raises(UsageError, match="mode 'w'"), artifact.new_file("x"):
        pass
    with artifact.new_file("x", "wb") as file:
        file.write(b"bytes")
    with pytest.raises(RuntimeError), artifact.new_file("half") as file:
        raise RuntimeError
    assert kept(artifact) == {"x": "bytes", "new/file": "text"}
    artifact.remove("new")
    with pytest.raises(FileNotFoundError):
        artifact.remove("new")
    artifact.remove(artifact.get_entry("x"))
    assert artifact.file_count == 0
    for wrong in ("no-such-file", folder):
        with pytest.raises(UsageError, match="no such file"):
            artifact.add_file(wrong)
    with pytest.raises(UsageError, match="no such folder"):
        artifact.add_dir("a")
    with pytest.raises(KeyError):
        artifact.get_entry("x")


def test_what_is_never_logged_leaves_nothing_behind(folder: Path, run: Run) -> None:
    (folder / "a").write_text("a")
    artifact = opensweep.Artifact("ds", "dataset")
    artifact.add_file("a")
    assert len(all_drafts(folder / "runs/r1/artifacts")) == 1
    del artifact
    gc.collect()
    assert all_drafts(folder / "runs/r1/artifacts") == []


def test_artifacts_are_brought_in_the_order_in_which_they_were_logged(
    folder: Path, run: Run
) -> None:
    (folder / "a").write_text("a")
    first, second = (opensweep.Artifact(name, "dataset") for name in ("first", "second"))
    for artifact in (second, first):
        artifact.add_file("a")
    run.log_artifact(first)
    run.log_artifact(second)
    said = [(draft.read() or {})["log"]["name"] for draft in all_drafts(run._folder.artifacts)]  # type: ignore[union-attr]
    assert said == ["first", "second"]


def test_the_digest_is_that_of_paths_and_contents_alone(folder: Path) -> None:
    (folder / "a").write_text("a")

    def of(*paths: str, **more: Any) -> str:
        artifact = opensweep.Artifact(more.pop("name", "x"), "t", **more)
        for path in paths:
            artifact.add_file("a", name=path)
        return artifact.digest

    assert of("1", "2") == of("2", "1", name="y", metadata={"k": 1})
    assert len({of("1"), of("2"), of("1", "2"), of()}) == 4
    (folder / "a").write_text("b")
    assert of("1", "2") != of("1")


def test_a_manifest_comes_back_as_it_was() -> None:
    entries = [
        Entry("a/ü \n", "0" * 64, 5),
        Entry("r", "etag", None, "s3://b/k", {"version": "1"}),
    ]
    manifest = Manifest(entries)
    again = Manifest.from_json(json.loads(json.dumps(manifest.to_json())))
    assert again.entries == manifest.entries
    assert (again.digest(), again.size, again.blobs) == (manifest.digest(), 5, {"0" * 64: 5})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ds", names.Name(None, "ds", "latest")),
        ("ds:v3", names.Name(None, "ds", "v3")),
        ("p/ds:best one", names.Name("p", "ds", "best one")),
        ("me/p/ds:latest", names.Name("p", "ds", "latest")),
    ],
)
def test_names(text: str, named: names.Name) -> None:
    assert names.parse(text) == named


def test_a_copy_out_replaces_whole_files(folder: Path) -> None:
    (folder / "a").write_bytes(os.urandom(3_000_000))
    (folder / "b").write_text("old")
    staging.clone("a", "b")
    assert (folder / "b").read_bytes() == (folder / "a").read_bytes()
    with pytest.raises(FileNotFoundError):
        staging.clone("no-such-file", "b")
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]


def test_metadata_must_be_a_mapping_and_becomes_plain() -> None:
    assert opensweep.Artifact("x", "t", metadata={"a": (1, 2)}).metadata == {"a": [1, 2]}
    with pytest.raises(UsageError, match="metadata"):
        opensweep.Artifact("x", "t", metadata=[1])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="new_draft"):
        opensweep.Artifact("x", "t", incremental=True)
    artifact = opensweep.Artifact("x", "t")
    with pytest.raises(UsageError, match="ttl"):
        artifact.ttl = -1  # type: ignore[assignment]
    with pytest.raises(UsageError, match="was not logged"):
        artifact.wait()


def test_a_run_that_records_nothing_takes_artifacts_all_the_same(folder: Path) -> None:
    (folder / "a").write_text("a")
    with opensweep.init(mode="disabled") as run:
        artifact = run.log_artifact("a", name="ds", type="dataset").wait()
        assert run.save("a") == [os.path.join(run.dir, "a")]
        with pytest.raises(UsageError, match="has no version yet"):
            _ = artifact.version
    assert not (folder / "runs").exists()


def test_older_scripts_save_what_they_changed(run: Run) -> None:
    run.notes = "of the whole group"
    assert run.save() == []
    assert run.notes == "of the whole group"


def test_what_save_records(folder: Path, run: Run) -> None:
    (folder / "a").write_text("a")
    for policy in ("live", "now", "end"):
        run.save("a", policy=policy)
    Path(run.dir, "mine").write_text("m")
    assert run.save(os.path.join(run.dir, "mine")) == [os.path.join(run.dir, "mine")]
    assert recorded(run, FileSaved) == [
        FileSaved("a", "live"),
        FileSaved("a", "now"),
        FileSaved("a", "end"),
        FileSaved("mine", "live"),
    ]
    assert Path(run.dir, "a").is_symlink()
    assert not Path(run.dir, "mine").is_symlink()


def test_the_oldest_python_logs_artifacts_and_files(folder: Path) -> None:
    interpreter = find_python("3.8")
    if interpreter is None:
        pytest.skip("there is no Python 3.8 on this machine")
    code = (
        "import opensweep, pathlib\n"
        "run = opensweep.init(id='old')\n"
        "pathlib.Path('x').write_text('x')\n"
        "artifact = opensweep.Artifact('ds', 'dataset', metadata={'k': 1})\n"
        "artifact.add_file('x'); artifact.add_reference('file:///x', checksum=False, name='r')\n"
        "run.log_artifact(artifact, aliases=['best'])\n"
        "used = run.use_artifact('ds:best')\n"
        "used.download('out', path_prefix='x'); run.save('x', policy='now')\n"
        "print(open('out/x').read(), list(used.manifest.entries))\n"
    )
    done = subprocess.run(
        [interpreter, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "x ['r', 'x']\n", done.stderr
    assert len(all_drafts(folder / "runs/old/artifacts")) == 2


def test_a_forked_child_takes_nothing_away(folder: Path, run: Run) -> None:
    (folder / "a").write_text("a")
    artifact = opensweep.Artifact("ds", "dataset")
    artifact.add_file("a")
    child = os.fork()
    if child == 0:
        artifact._cleanup()
        os._exit(0)
    os.waitpid(child, 0)
    assert kept(artifact) == {"a": "a"}
