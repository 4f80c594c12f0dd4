"""A Redis behind TLS, with a user of its own, end to end; its password shows nowhere."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from test_main_job import Box, box, wait_for

from controller.valkey import acl_line, find_binary

__all__ = ["box"]

PASSWORD = "Only-For-Redis-4711"


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signed itself, and its key."""
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject]
    argv += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(argv, check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def url(tmp_path: Path, authority: tuple[Path, Path]) -> Iterator[str]:
    """The address of a Redis with an ACL user, behind a proxy that ends TLS."""
    certificate, key = authority
    path = tmp_path / "own.sock"
    argv = [find_binary(), "--port", "0", "--unixsocket", str(path), "--save", ""]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with (
        subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.DEVNULL) as server,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        try:
            wait_for(path.exists, "Redis")
            with redis.Redis.from_url(f"unix://{path}") as admin:
                admin.execute_command(*acl_line().replace("PASSWORD", PASSWORD).split())
                admin.execute_command("ACL", "SETUSER", "default", "off")
            threading.Thread(target=_accept, args=(listener, context, path), daemon=True).start()
            port = listener.getsockname()[1]
            yield f"rediss://agent:{PASSWORD}@localhost:{port}/0?ssl_ca_certs={certificate}"
        finally:
            listener.close()
            server.kill()


def _accept(listener: socket.socket, context: ssl.SSLContext, path: Path) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(plain, context, path), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, path: Path) -> None:
    with contextlib.suppress(OSError), plain, socket.socket(socket.AF_UNIX) as behind:
        behind.connect(str(path))
        # A TLS object may not be read and written by two threads at once: memory between them.
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = context.wrap_bio(incoming, outgoing, server_side=True)
        _relay(plain, behind, secured, incoming, outgoing)


def _relay(
    plain: socket.socket,
    behind: socket.socket,
    secured: ssl.SSLObject,
    incoming: ssl.MemoryBIO,
    outgoing: ssl.MemoryBIO,
) -> None:
    shaken = False
    while True:
        for ready in select.select([plain, behind] if shaken else [plain], [], [])[0]:
            data = ready.recv(65536)
            if not data:
                return
            if ready is behind:
                secured.write(data)
            else:
                incoming.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            if not shaken:
                secured.do_handshake()
                shaken = True
            while True:
                asked = secured.read(65536)
                if not asked:
                    return
                behind.sendall(asked)
        plain.sendall(outgoing.read())


def test_a_sweep_over_tls(box: Box, url: str, tmp_path: Path) -> None:
    box.write()
    box.env["OPENSWEEP_REDIS_URL"] = url
    sweep_id = box.create()
    agent = box.start("agent", sweep_id, "--slots", "2")
    box.wait_for_trials(sweep_id, "finished", 1)
    told = ["\0".join(process.cmdline()) for process in _processes(box)]
    assert len(told) >= 3, "server, agent, and what they started"
    out, err = agent.communicate(timeout=90)
    assert agent.returncode == 0, out + err
    assert {t["state"] for t in box.json("trials", sweep_id)} == {"finished"}
    said = [out, err, *told, box.sweep("status", sweep_id), box.sweep("doctor", code=0)]
    assert not [text for text in said if PASSWORD in text]
    files = [path for path in box.home.rglob("*") if path.is_file()]
    assert any(path.name == "server.log" for path in files)
    assert any(path.name == "opensweep.db" for path in files)
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]


def test_a_certificate_of_nobody_is_refused(url: str, box: Box) -> None:
    box.write()
    box.env["OPENSWEEP_REDIS_URL"] = url.partition("?")[0]
    process = box.start("create", "sweep.yaml")
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "certificate" in err.lower()
    assert PASSWORD not in out + err


def _processes(box: Box) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("OPENSWEEP_HOME") == str(box.home):
                found.append(process)
    return found
