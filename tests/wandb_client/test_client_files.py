"""Files and media of the real client: they arrive, and come back by its API and by ours."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from wandb_clients import NEWEST, TRIED, Script, WandbServer

import opensweep

RECORDS = """
import os, pathlib, wandb
import numpy as np

run = wandb.init(config={"lr": 0.5})
pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
labels = {0: "dog", 1: "cat"}
mask = {"mask_data": np.zeros((5, 7), dtype=np.uint8), "class_labels": labels}
run.log({
    "pictures": [wandb.Image(pixels), wandb.Image(pixels + 1)],
    "over/lay": wandb.Image(pixels, caption="c", masks={"mine": mask}),
    "page": wandb.Html("<script>1</script>"),
    "weights": wandb.Histogram([1, 2, 3]),
})
for name in ("now.bin", "sub/ende ü.txt", "live.txt"):
    pathlib.Path(name).parent.mkdir(exist_ok=True)
    pathlib.Path(name).write_bytes(name.encode() * 1000)
run.save("now.bin", policy="now")
run.save("live.txt", policy="live")
run.save("sub/*", policy="end")
print("hello from the script")
run.finish()
print("RUN", run.id)
"""

READS = """
import os, pathlib, wandb

api = wandb.Api()
run = api.run(os.environ["WANDB_PROJECT"] + "/" + os.environ["ASKED"])
names = [file.name for file in run.files(per_page=3)]
assert len(names) == len(set(names)) == len(run.files()), names
for row in run.scan_history():
    for value in row.values():
        for path in value.get("filenames", [value.get("path")]) if isinstance(value, dict) else ():
            assert path is None or run.file(path).size > 0, path
file = run.file("sub/ende ü.txt")
assert file.size == 15000 and file.md5 and "text/plain" in file.mimetype
assert file.download(root="here").read() == "sub/ende ü.txt" * 1000
assert wandb.restore("now.bin", run_path="/".join(run.path), root="here").name
assert pathlib.Path("here/now.bin").read_bytes() == b"now.bin" * 1000
pathlib.Path("later.txt").write_text("came later")
run.upload_file("later.txt")
assert run.file("later.txt").download(root="here").read() == "came later"
run.file("later.txt").delete()
assert run.file("later.txt").size == 0
print("READ")
"""

LARGE = """
import os, pathlib, wandb

run = wandb.init()
pathlib.Path("large.bin").write_bytes(os.urandom(1 << 20) * 150)
run.save("large.bin", policy="now")
run.finish()
print("RUN", run.id)
"""


def recorded(wandb_script: Script, text: str, version: str) -> str:
    """Runs a script to its good end; the id of its run."""
    ended = wandb_script(text, version)
    assert ended.code == 0, ended.output
    return ended.output.split("RUN ")[1].split()[0]


@pytest.mark.parametrize("version", TRIED)
def test_files_and_media_arrive_and_come_back(
    wandb_script: Script, api: opensweep.Api, project: str, version: str, tmp_path: Path
) -> None:
    name = recorded(wandb_script, RECORDS, version)
    run = api.run(f"{project}/{name}")
    files = {file.name: file for file in run.files()}
    assert {"config.yaml", "wandb-metadata.json", "requirements.txt", "output.log"} <= files.keys()
    for path in ("now.bin", "sub/ende ü.txt", "live.txt"):
        assert files[path].size == len(path.encode()) * 1000
    # The machine, in the names of our own logger. (On a busy one the client gives up on counting
    # processors, and says nothing of them.)
    with files["wandb-metadata.json"].download(str(tmp_path / "metadata")) as file:
        theirs = json.load(file)
    counted = [key for key in ("cpu_count", "memory") if key in theirs]
    for key in ("host", "os", "python", "executable", "program", *counted):
        assert run.metadata[key], key
    (row,) = run.scan_history()
    assert row["weights"]["_type"] == "histogram"
    assert row["pictures"]["_type"] == "images/separated"
    assert row["pictures"]["count"] == len(row["pictures"]["filenames"]) == 2
    overlay = row["over/lay"]
    for part, kind in (
        (overlay, "image-file"),
        (overlay["masks"]["mine"], "mask"),
        (row["page"], "html-file"),
    ):
        assert part["_type"] == kind
        file = files[part["path"]]
        assert file.size == part["size"]
        file.download(root=str(tmp_path / "down")).close()
        data = (tmp_path / "down" / part["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == part["sha256"]

    read = wandb_script(READS, version, ASKED=name)
    assert "READ" in read.output, read.output


def test_the_server_holds_no_file_in_memory(
    wandb_script: Script, wandb_server: WandbServer, api: opensweep.Api, project: str
) -> None:
    before = peak_mb(wandb_server)
    name = recorded(wandb_script, LARGE, NEWEST)
    (file,) = (one for one in api.run(f"{project}/{name}").files() if one.name == "large.bin")
    assert file.size == 150 << 20
    assert peak_mb(wandb_server) - before < 75


def peak_mb(server: WandbServer) -> int:
    """The most memory that the server's process ever had."""
    pid = json.loads((server.home / "server.json").read_text())["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) >> 10
