"""The real client streams to a server that is killed meanwhile: nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from wandb_clients import ALL, KEY, NEWEST, VERSIONS, client_python

from opensweep.local import Settings, start_server, stop_server
from sweeps.console_text import shown
from sweeps.protocol.client import Client

SCRIPT = """
import sys, time, wandb
given = {"x_file_stream_transmit_interval": 0.2} if sys.argv[1] == "new" else {}
run = wandb.init(project="p", id="killed", settings=wandb.Settings(**given))
sent = 0
def log(count):
    global sent
    for sent in range(sent, sent + count):
        run.log({"a": sent, "b": float("nan")})
        time.sleep(0.002)
    sent += 1
log(300)
print("first lines")
for percent in range(0, 101, 20):
    sys.stderr.write(f"\\rbar {percent} %")
    sys.stderr.flush()
    time.sleep(0.15)
sys.stderr.write("\\n")
sys.stderr.flush()
print("READY", file=sys.__stdout__, flush=True)
sys.stdin.readline()
log(700)
print("last line")
run.finish()
"""


@pytest.mark.parametrize("version", VERSIONS if ALL else [NEWEST])
def test_every_row_once_though_the_server_is_killed(
    wandb_environment: dict[str, str], tmp_path: Path, version: str
) -> None:
    home = tmp_path / "server"
    settings = Settings(home=home, key=KEY)
    url = start_server(settings, port=0)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    kind = "new" if version >= "0.19.11" else "old"
    with subprocess.Popen(
        [str(client_python(version)), str(script), kind],
        env=wandb_environment | {"WANDB_BASE_URL": url},
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdin is not None
            assert any("READY" in line for line in process.stdout)
            server = json.loads((home / "server.json").read_text())
            os.kill(int(server["pid"]), signal.SIGKILL)
            process.stdin.write("\n")
            process.stdin.flush()
            assert start_server(settings, port=int(url.rpartition(":")[2])) == url
            said = process.stdout.read()
            assert process.wait(60) == 0, said
            with Client(url, KEY) as client:
                rows = list(client.history("killed"))
                printed = shown(client.console("killed")["text"])
                state = client.run("killed")["state"]
        finally:
            process.kill()
            stop_server(settings)
    assert [(row["_step"], row["a"], str(row["b"])) for row in rows] == [
        (n, n, "NaN") for n in range(1000)
    ]
    # stderr is read in a thread of its own: the bar may come before or behind.
    assert sorted(line for line in printed.splitlines() if line) == [
        "READY",
        "bar 100 %",
        "first lines",
        "last line",
    ], printed
    assert state == "finished"
