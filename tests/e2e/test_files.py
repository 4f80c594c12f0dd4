"""Files, end to end: blobs over HTTP, and what scripts save, through the agent's own errands."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from files_world import FilesWorld, files_world, sha

from agent.sending import PIECE, Origin, send_steps
from agent.uploads import FileErrand
from controller import garbage
from controller.blobs import LocalPlace
from logging_core.api.http import Server
from logging_core.artifacts import bundles
from logging_core.errors import NotFoundError, UsageError
from logging_core.folder import RunFolder
from logging_core.records import FileSaved
from opensweep.local import Settings, server_status, start_server, stop_server
from sweeps import errors
from sweeps.protocol.client import Client


@pytest.fixture
def world(tmp_path: Path) -> Iterator[FilesWorld]:
    with files_world(tmp_path) as here:
        yield here


def random_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def put(world: FilesWorld, data: bytes, *, piece: int = 1 << 20) -> None:
    """All of a blob, in pieces."""
    with world.client() as client:
        have = 0
        while not (
            arrived := client.send_piece(sha(data), len(data), have, data[have:][:piece])
        ).stored:
            assert arrived.have == have + piece
            have = arrived.have


# -- blobs ----------------------------------------------------------------------------------------


def test_a_blob_comes_in_pieces_and_goes_in_ranges(world: FilesWorld) -> None:
    data = random_bytes(3_500_001)
    put(world, data)
    path = f"/api/blobs/{sha(data)}"
    assert world.fetch(path) == (200, data)
    assert world.fetch(path, Range="bytes=1000-1999") == (206, data[1000:2000])
    assert world.fetch(path, Range="bytes=3500000-") == (206, data[-1:])
    assert world.fetch(path, Range="bytes=-7") == (206, data[-7:])
    assert world.fetch(path, Range="lines=1-2") == (200, data)
    with pytest.raises(UsageError):
        world.fetch(path, Range=f"bytes={len(data)}-")
    with world.server().open("HEAD", path) as answer:
        assert answer.headers["Content-Length"] == str(len(data))
    with pytest.raises(NotFoundError):
        world.fetch(f"/api/blobs/{'0' * 64}")
    put(world, b"")
    assert world.fetch(f"/api/blobs/{sha(b'')}") == (200, b"")


def test_a_wrong_digest_is_refused_and_what_was_sent_is_thrown_away(world: FilesWorld) -> None:
    digest = sha(b"what was announced")
    with world.client() as client:
        assert client.send_piece(digest, 10, 0, b"other").have == 5
        with pytest.raises(errors.DigestMismatch):
            client.send_piece(digest, 10, 5, b"bytes")
        assert client.send_piece(digest, 18, 0, b"").have == 0
        with pytest.raises(errors.DigestMismatch):
            client.send_piece(digest, 18, 0, b"more than was announced")
        assert client.send_piece(digest, 18, 0, b"what was announced").stored
        bundle = bundles.head(sha(b"a"), 1) + b"a" + bundles.head(sha(b"b"), 1) + b"c"
        for torn in (bundle, bundle[:-1], b"x", bundles.head(sha(b"a"), 1 << 40)):
            with pytest.raises(errors.DigestMismatch):
                client.send_bundle(torn)
        assert client.missing_blobs([sha(b"a")]) == [sha(b"a")]
        with pytest.raises(errors.UsageError):
            client.send_piece("../../etc/passwd", 1, 0, b"x")
    assert list((world.blobs_folder / "incoming").iterdir()) == []


def test_an_upload_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    data = random_bytes(200_000_000)
    (tmp_path / "big").write_bytes(data)
    digest, wanted = sha(data), {sha(data): Origin(str(tmp_path / "big"), len(data))}
    settings = Settings(home=tmp_path / "home")
    try:
        url = start_server(settings)
        key = (settings.home / "api_key").read_text().strip()
        with Client(url, key) as client:
            steps = send_steps(client, wanted)
            for _ in range(9):
                next(steps)
            told = server_status(settings)
            assert told is not None
            os.kill(told["pid"], signal.SIGKILL)
            with pytest.raises(errors.ServerUnreachable):
                list(steps)
        with Client(start_server(settings), key) as client:
            have = client.send_piece(digest, len(data), 0, b"").have
            assert 0 < have < len(data)
            left = len(list(send_steps(client, wanted)))
            assert left <= (len(data) - have) // PIECE + 3
            assert client.missing_blobs([digest]) == []
            path = f"/api/blobs/{digest}"
            with closing(Server(client.url, key)) as server, server.open("GET", path) as answer:
                assert sha(answer.read()) == digest
    finally:
        stop_server(settings)


def test_two_that_send_the_same_blob_help_each_other(world: FilesWorld, tmp_path: Path) -> None:
    data = random_bytes(40_000_000)
    (tmp_path / "big").write_bytes(data)
    wanted = {sha(data): Origin(str(tmp_path / "big"), len(data))}
    lost = []

    def send() -> None:
        with world.client() as client:
            steps = send_steps(client, wanted)
            try:
                while True:
                    next(steps)
            except StopIteration as end:
                lost.append(end.value)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == [set(), set(), set()]
    assert world.fetch(f"/api/blobs/{sha(data)}") == (200, data)
    assert world.bytes_kept() == 1


def test_a_full_disk_is_told_and_what_came_stays(
    world: FilesWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = random_bytes(3 << 20)
    with world.client() as client:
        client.send_piece(sha(data), len(data), 0, data[: 1 << 20])

        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("controller.blobs.os.write", full)
        with pytest.raises(errors.StoreUnavailable, match="is full"):
            client.send_piece(sha(data), len(data), 1 << 20, data[1 << 20 :])
        monkeypatch.undo()
        assert client.send_piece(sha(data), len(data), 0, b"").have == 1 << 20
        assert client.send_piece(sha(data), len(data), 1 << 20, data[1 << 20 :]).stored


def test_garbage_goes_and_nothing_that_is_wanted(world: FilesWorld, tmp_path: Path) -> None:
    unused, half = random_bytes(100), random_bytes(3 << 20)
    put(world, unused)
    with world.client() as client:
        client.send_piece(sha(half), len(half), 0, half[:100])
        assert garbage.collect(world.store, world.blobs) == garbage.Collected(0, 0, 0)
        assert client.missing_blobs([sha(unused)]) == []
        done = garbage.collect(world.store, world.blobs, untouched_s=-1)
        assert done == garbage.Collected(0, 1, 0)
        assert world.bytes_kept() == 0
        assert client.missing_blobs([sha(unused)]) == [sha(unused)]
        os.utime(world.blobs_folder / "incoming" / sha(half), (0, 0))
        assert garbage.collect(world.store, world.blobs) == garbage.Collected(0, 0, 1)
        assert client.send_piece(sha(half), len(half), 0, b"").have == 0


def test_garbage_is_collected_while_uploads_go_on(world: FilesWorld, tmp_path: Path) -> None:
    over = threading.Event()
    failures: list[Exception] = []

    def collect() -> None:
        while not over.wait(0.001):
            try:
                garbage.collect(world.store, world.blobs, untouched_s=0.05)
            except Exception as error:
                failures.append(error)

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        folder = RunFolder(tmp_path / "run")
        folder.files.mkdir(parents=True)
        for number in range(300):
            (folder.files / f"{number % 150}").write_bytes(random_bytes(number % 7 + 1))
        with world.client() as client:
            client.register_run("r1", "0" * 16, project="p")
            for _ in range(5):  # each time some blobs were taken away, or just are
                errand = FileErrand(client, folder, "r1", 1, world.listener)
                while True:
                    try:
                        if errand.work(final=True):
                            break
                    except errors.StoreUnavailable:
                        continue
    finally:
        over.set()
        collector.join()
    assert failures == []
    for one in world.store.files("r1"):
        assert sha(b"".join(world.blobs.read(one.digest))) == one.digest
    assert len(world.store.files("r1")) == 150


def test_an_object_store_takes_the_place_of_the_folder(tmp_path: Path) -> None:
    small, large = b"small", random_bytes(3 << 20)
    with files_world(tmp_path, "memory://bucket/of/ours") as world, world.client() as client:
        client.send_bundle(bundles.head(sha(small), len(small)) + small)
        put(world, large)
        assert world.fetch(f"/api/blobs/{sha(small)}") == (200, small)
        assert world.fetch(f"/api/blobs/{sha(large)}", Range="bytes=5-9") == (206, large[5:10])
        assert world.bytes_kept() == 0
        assert list((world.blobs_folder / "incoming").iterdir()) == []
        assert garbage.collect(world.store, world.blobs, untouched_s=-1).blobs == 2
        import fsspec

        assert fsspec.filesystem("memory").find("/bucket") == []


def test_bytes_that_are_gone_are_told(world: FilesWorld) -> None:
    put(world, b"x")
    LocalPlace(world.blobs_folder).delete(sha(b"x"))
    with pytest.raises(Exception, match="restore"):
        world.fetch(f"/api/blobs/{sha(b'x')}")


# -- files of runs --------------------------------------------------------------------------------

ODD = "a b/ü #?%&'\"\\.txt"


def test_what_a_script_saves_is_with_the_server_at_its_end(world: FilesWorld) -> None:
    printed = world.run(
        f"""
run = opensweep.init(project='p')
files = pathlib.Path(run.dir)
odd = {ODD!r}
(files / odd).parent.mkdir()
(files / odd).write_text('odd')
(files / 'line\\nbreak').write_text('broken')
open(os.fsencode(files) + b'/not-text-\\xff', 'w').write('bytes')
(files / 'empty').touch()
pathlib.Path('out/sub').mkdir(parents=True)
pathlib.Path('out/sub/model.pt').write_bytes(b'm' * 100)
pathlib.Path('out/end.txt').write_text('before')
pathlib.Path('out/now.txt').write_text('before')
print(*run.save('out/sub/*.pt'), *run.save(os.path.abspath('out/end.txt'), policy='end'))
run.save('out/now.txt', base_path='out', policy='now')
pathlib.Path('out/end.txt').write_text('after')
pathlib.Path('out/now.txt').write_text('after')
for wrong in ({{'policy': 'never'}}, {{'base_path': 'out', 'glob_str': '../x'}}):
    try:
        run.save(**{{'glob_str': 'out/*', **wrong}})
    except ValueError as error:
        continue
    sys.exit(str(wrong))
assert run.save('no-such-file') == []
""",
        "r1",
    )
    run_dir = world.folder / "runs" / "r1" / "files"
    assert printed.split() == [str(run_dir / "out/sub/model.pt"), str(run_dir / "out/end.txt")]
    kept = world.files("r1")
    wanted = {
        ODD: 3,
        "line\nbreak": 6,
        "not-text-\\xff": 5,
        "empty": 0,
        "out/sub/model.pt": 100,
        "out/end.txt": 5,
        "now.txt": 6,
    }
    assert wanted.items() <= kept.items()
    assert world.listener.warnings == []
    from urllib.parse import quote

    assert world.fetch("/api/runs/r1/files/" + quote(ODD)) == (200, b"odd")
    assert world.fetch("/api/runs/r1/file?path=" + quote("line\nbreak")) == (200, b"broken")
    assert world.fetch("/api/runs/r1/files/out/end.txt") == (200, b"after")
    listed = world.server().json("GET", "/api/runs/r1/files", {"prefix": "out/"})["files"]
    sizes = [(one["path"], one["size"]) for one in listed]
    assert sizes == [("out/end.txt", 5), ("out/sub/model.pt", 100)]
    world.server().json("DELETE", "/api/runs/r1/files/empty")
    assert "empty" not in world.files("r1")


def test_nothing_leads_out_of_a_runs_folder(world: FilesWorld, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("of somebody else")
    folder = RunFolder(tmp_path / "runs" / "r1")
    folder.files.mkdir(parents=True)
    (folder.files / "link").symlink_to(tmp_path / "secret" / "key")
    (folder.files / "linked").symlink_to(tmp_path / "secret")
    (folder.files / "saved").symlink_to(tmp_path / "secret" / "key")
    (folder.files / "dead").symlink_to(tmp_path / "nothing")
    os.mkfifo(folder.files / "pipe")
    with world.client() as client:
        client.register_run("r1", "0" * 16, project="p")
        errand = FileErrand(client, folder, "r1", 1, world.listener)
        for path in ("../run.json", "/etc/passwd", "linked/key", "saved", "pipe", "dead", ""):
            errand.take(FileSaved(path, "now"))
        while not errand.work(final=False):
            pass
        while not errand.work(final=True):
            pass
        assert world.files("r1") == {"saved": 16}  # the one that the script itself saved
        assert any("linked/key" in warning for warning in world.listener.warnings)
        for path in ("../x", "/x", "a//b", "a/./b", "", "a\0b", "x" * 5000):
            with pytest.raises(errors.UsageError):
                client.save_files("r1", 1, {path: sha(b"")})


def test_a_live_file_is_sent_again_when_it_has_changed_and_only_then(
    world: FilesWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.uploads.LIVE_S", 0.0)
    folder = RunFolder(tmp_path / "run")
    folder.files.mkdir(parents=True)
    with world.client() as client:
        client.register_run("r1", "0" * 16, project="p")
        sent: list[dict[str, str]] = []
        real = client.save_files
        monkeypatch.setattr(
            client, "save_files", lambda r, w, f: (sent.append(dict(f)), real(r, w, f))[1]
        )
        errand = FileErrand(client, folder, "r1", 1, world.listener)
        errand.take(FileSaved("log.txt", "live"))
        errand.work(final=False)  # it is not there yet
        for content in (b"one", b"three"):
            (folder.files / "log.txt").write_bytes(content)
            errand.work(final=False)
            errand.work(final=False)
            assert world.store.get_file("r1", "log.txt").digest == sha(content)
        assert len(sent) == 2
        again = FileErrand(client, folder, "r1", 1, world.listener)  # an agent that took over
        again.take(FileSaved("log.txt", "live"))
        again.work(final=False)
        assert len(sent) == 2
        while not again.work(final=True):
            pass
        assert sent[2:] == [{"log.txt": sha(b"three")}]


def test_what_is_due_now_is_not_forgotten_while_the_server_is_away(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.files.mkdir(parents=True)
    (folder.files / "a").write_text("a")
    with files_world(tmp_path) as world:
        with world.client() as client:
            client.register_run("r1", "0" * 16, project="p")
        client = world.client()
    errand = FileErrand(client, folder, "r1", 1, world.listener)
    errand.take(FileSaved("a", "now"))
    errand.take(FileSaved("gone", "now"))
    with pytest.raises(errors.ServerUnreachable):
        errand.work(final=False)
    with files_world(tmp_path) as world, world.client() as client:
        errand._client = client
        assert errand.work(final=False)
        assert world.files("r1") == {"a": 1}


def test_a_file_that_never_stands_still_is_kept_all_the_same(
    world: FilesWorld, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.files.mkdir(parents=True)
    path = folder.files / "growing"
    path.write_bytes(b"x")
    over = threading.Event()

    def grow() -> None:
        with path.open("ab") as file:
            while not over.is_set():
                file.write(b"x")
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with world.client() as client:
            client.register_run("r1", "0" * 16, project="p")
            errand = FileErrand(client, folder, "r1", 1, world.listener)
            while not errand.work(final=True):
                pass
    finally:
        over.set()
        writer.join()
    one = world.store.get_file("r1", "growing")
    assert b"".join(world.blobs.read(one.digest)) == b"x" * one.size


def test_a_script_restores_what_a_run_saved(world: FilesWorld) -> None:
    world.run(
        "run = opensweep.init(project='p')\npathlib.Path(run.dir, 'a.txt').write_text('it')", "r1"
    )
    printed = world.run(
        """
run = opensweep.init(project='p')
print(run.restore('a.txt', run_path='me/p/r1').read())
print(run.restore('b.txt', run_path='r1'))
try: run.restore('b.txt', run_path='p/nobody')
except ValueError as error: print('nobody' in str(error))
file = run.restore('a.txt', run_path='p/r1', root='elsewhere')
print(os.path.relpath(file.name))
pathlib.Path('elsewhere/a.txt').write_text('mine')
print(run.restore('a.txt', 'r1', root='elsewhere').read())
print(run.restore('a.txt', 'r1', root='elsewhere', replace=True).read())
""",
        "r2",
    )
    assert printed.split() == ["it", "None", "True", "elsewhere/a.txt", "mine", "it"]
    assert world.files("r2")["a.txt"] == 2


def test_a_file_is_restored_without_a_run(world: FilesWorld) -> None:
    world.run(
        "run = opensweep.init(project='p')\npathlib.Path(run.dir, 'a.txt').write_text('it')", "r1"
    )
    done = world.script(
        """
file = opensweep.restore('a.txt', run_path='p/r1')
print(os.path.relpath(file.name), file.read())
print(os.path.relpath(opensweep.restore('a.txt', 'p/r1', root='there').name))
for path in (None, 'p/nobody'):
    try: opensweep.restore('a.txt', path, root='other')
    except ValueError as error: print(type(error).__name__)
"""
    )
    expected = ["a.txt", "it", "there/a.txt", "UsageError", "NotFoundError"]
    assert done.stdout.split() == expected, done.stderr


def test_whoever_knows_no_server_is_told(world: FilesWorld) -> None:
    code = "run = opensweep.init()\nrun.restore('a.txt', run_path='r1')"
    done = world.script(code, OPENSWEEP_URL="")
    assert "no opensweep server is known here" in done.stderr
    done = world.script(code, OPENSWEEP_URL="http://127.0.0.1:9")
    assert "does not answer" in done.stderr
