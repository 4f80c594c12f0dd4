"""Artifacts, end to end: made by scripts, brought by errands, got back by other scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from files_world import FilesWorld, files_world, sha

from agent.artifacts import ArtifactErrand
from agent.asks import AskErrand
from agent.uploads import FileErrand
from controller import garbage
from logging_core.folder import RunFolder
from sweeps import errors

INIT = "run = opensweep.init(project='p')\n"
MAKE = """
def make(content, name='ds', **more):
    artifact = opensweep.Artifact(name, 'dataset', **more)
    with artifact.new_file('a.txt') as file:
        file.write(content)
    return artifact
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[FilesWorld]:
    with files_world(tmp_path) as here:
        yield here


def log(world: FilesWorld, run_id: str, content: str, more: str = "") -> None:
    world.run(INIT + MAKE + f"run.log_artifact(make({content!r}){more})", run_id)


def test_what_one_script_logs_another_uses(world: FilesWorld) -> None:
    world.run(
        INIT
        + """
pathlib.Path('data/sub').mkdir(parents=True)
pathlib.Path('data/x.csv').write_text('1,2')
pathlib.Path('data/sub/ü #?%.bin').write_bytes(bytes(2_000_000))
artifact = opensweep.Artifact('ds', type='dataset', description='d', metadata={'rows': 2})
artifact.add_dir('data')
artifact.add_file('data/x.csv', name='copy/of x.csv')
pathlib.Path('data/x.csv').write_text('changed afterwards')
assert artifact.state == 'DRAFT' and artifact.is_draft() and artifact.size == 2_000_006
logged = run.log_artifact(artifact, aliases=['best'], tags=['t'])
assert logged is artifact and artifact.state == 'PENDING' and artifact.name == 'ds'
for change in (lambda: artifact.add_file('data/x.csv'), lambda: artifact.version):
    try:
        change()
    except ValueError:
        continue
    sys.exit('it must refuse')
""",
        "r1",
    )
    assert world.listener.warnings == []
    assert world.bytes_kept() == 3 + len(world.files("r1"))  # two contents, a manifest
    printed = world.run(
        INIT
        + """
artifact = run.use_artifact('ds:best', type='dataset')
folder = artifact.download()
print(os.path.relpath(folder), artifact.name, artifact.qualified_name, artifact.version)
print(artifact.metadata, artifact.description, artifact.aliases, artifact.tags, artifact.size)
print(sorted(artifact.manifest.entries), artifact.state, artifact.logged_by().id)
print(pathlib.Path(folder, 'x.csv').read_text(), pathlib.Path(folder, 'copy/of x.csv').read_text())
artifact.verify()
pathlib.Path(folder, 'x.csv').write_text('broken')
pathlib.Path(folder, 'extra').touch()
for _ in range(2):
    try:
        artifact.verify()
    except ValueError as error:
        print(os.path.relpath(str(error).split()[0]))
    artifact.download() if _ == 0 else artifact.checkout()
artifact.verify()
one = artifact.get_entry('copy/of x.csv').download(root='one')
print(os.path.relpath(one), os.listdir('one'))
part = artifact.download('part', path_prefix='sub/')
print([str(p.relative_to(part)) for p in pathlib.Path(part).rglob('*') if p.is_file()])
""",
        "r2",
    )
    lines = printed.splitlines()
    assert lines[0] == "artifacts/ds:v0 ds:v0 p/ds:v0 v0"
    assert lines[1] == "{'rows': 2} d ['best', 'latest'] ['t'] 2000006"
    assert lines[2] == "['copy/of x.csv', 'sub/ü #?%.bin', 'x.csv'] COMMITTED r1"
    assert lines[3] == "1,2 1,2"
    assert {lines[4], lines[5]} <= {"artifacts/ds:v0/x.csv", "artifacts/ds:v0/extra"}
    assert lines[6:] == ["one/copy/of x.csv ['copy']", "['sub/ü #?%.bin']"]
    made = world.store.find_artifact("p", "ds")
    assert [one.id for one in world.store.artifacts_of_run("r1", used=False)] == [made.id]
    assert world.store.users_of_artifact(made.id) == ["r2"]
    path = f"/api/artifacts/{made.id}/file?path=x.csv"
    assert world.fetch(path, Range="bytes=1-") == (206, b",2")
    for wrong in ("nothing", "../x"):
        with pytest.raises(ValueError, match=r"no file|not the path"):
            world.fetch(f"/api/artifacts/{made.id}/file?path={wrong}")


def test_versions_aliases_and_drafts_of_the_next(world: FilesWorld) -> None:
    for number, content in enumerate(["a", "b", "a"]):
        log(world, f"r{number}", content)
    assert [one.version for one in world.store.artifact_versions("p", "ds")] == [1, 0]
    assert world.store.find_artifact("p", "ds").version == 0
    world.run(
        INIT
        + """
old = run.use_artifact('p/ds:v1')
new = old.new_draft()
new.add_file(__import__('logging_core.run').run.__file__, 'run.py')
new.remove('a.txt')
with new.new_file('b.txt', 'wb') as file:
    file.write(b'new')
run.log_artifact(new)
""",
        "r3",
    )
    newest = world.store.find_artifact("p", "ds")
    assert (newest.version, newest.files) == (2, 2)
    printed = world.run(
        INIT
        + """
artifact = run.use_artifact('ds:latest')
artifact.aliases.append('prod')
artifact.metadata['f1'] = 0.5
artifact.description = 'said later'
artifact.tags = ['x']
artifact.ttl = __import__('datetime').timedelta(days=3)
artifact.save()
print(artifact.aliases, artifact.ttl)
linked = artifact.link('registry/best', aliases=['x'])
print(linked.name, linked.qualified_name, linked.source_name, linked.is_link)
print(opensweep.Api().artifact('registry/best:x').download('linked') and os.listdir('linked'))
for wrong in ('v3', 'a/b', 'a:b', ''):
    artifact.aliases = [wrong]
    try:
        artifact.save()
    except ValueError:
        continue
    sys.exit('it must refuse ' + wrong)
try:
    artifact.delete()
except ValueError as error:
    print(str(error)[:30])
linked.unlink()
artifact.delete(delete_aliases=True)
print(artifact.state)
""",
        "r4",
    )
    assert printed.splitlines()[0] == "['latest', 'prod'] 3 days, 0:00:00"
    assert printed.splitlines()[1] == "best:v0 registry/best:v0 ds:v2 True"
    assert printed.splitlines()[3:] == ["ds:v2 has the aliases prod: ta", "DELETED"]
    assert world.store.find_artifact("p", "ds").version == 1


def test_models_links_code_and_objects(world: FilesWorld) -> None:
    world.run(
        INIT
        + """
pathlib.Path('m.pt').write_bytes(b'weights')
logged = run.log_model('m.pt', name='net', aliases=['best'])
assert pathlib.Path(run.use_model('net:best')).read_bytes() == b'weights'  # at once
run.link_model('m.pt', 'registered', aliases=['prod'])
pathlib.Path('ä n.txt').touch()
run.log_artifact('ä n.txt')
table = opensweep.Table(columns=['a', 'b'], data=[[1, 'x'], [2.5, None]])
artifact = opensweep.Artifact('tables', 'table')
artifact.add(table, 'results/final')
run.log_artifact(artifact)
pathlib.Path('src/.venv').mkdir(parents=True)
pathlib.Path('src/train.py').write_text('pass')
pathlib.Path('src/.venv/x.py').write_text('pass')
pathlib.Path('src/data.csv').touch()
print(list(run.log_code('src').manifest.entries))
print(list(run.log_code('src', name='all', include_fn=lambda p: True,
                        exclude_fn=lambda p, root: p.endswith('.py')).manifest.entries))
""",
        "r1",
    )
    printed = world.run(
        INIT
        + """
print(pathlib.Path(run.use_model('net')).read_text())
print(pathlib.Path(run.use_model('model-registry/registered:prod')).read_text())
print(run.use_artifact('run-r1---n.txt').type)
table = run.use_artifact('tables:v0').get('results/final')
print(table.columns, table.data)
print(run.use_artifact('source-p').file('code'))
""",
        "r2",
    )
    lines = printed.splitlines()
    assert lines[:3] == ["weights", "weights", "unspecified"]
    assert lines[3] == "['a', 'b'] [[1, 'x'], [2.5, None]]"
    assert lines[4].endswith("code/train.py")
    assert world.listener.warnings == []
    assert world.store.artifact_types("p") == ["code", "model", "table", "unspecified"]


def test_what_a_killed_script_logged_is_kept(world: FilesWorld) -> None:
    code = INIT + MAKE + "run.log_artifact(make('it'))\nos.kill(os.getpid(), 9)"
    done = world.script(code, OPENSWEEP_RUN_ID="r1")
    assert done.returncode == -9, done.stderr
    world.carry("r1")
    assert world.store.find_artifact("p", "ds").run_id == "r1"


def test_thousands_of_small_files(world: FilesWorld) -> None:
    world.run(
        INIT
        + """
artifact = opensweep.Artifact('many', 'dataset')
pathlib.Path('many').mkdir()
for number in range(2_000):
    pathlib.Path('many', str(number)).write_text(f'content of {number}')
artifact.add_dir('many')
run.log_artifact(artifact)
""",
        "r1",
    )
    assert world.store.find_artifact("p", "many").files == 2_000
    printed = world.run(
        INIT
        + """
folder = pathlib.Path(run.use_artifact('many').download(path_prefix='3'))
print(len(list(folder.iterdir())), (folder / '399').read_text())
""",
        "r2",
    )
    assert printed == "111 content of 399\n"


def test_references_stay_where_they_are(world: FilesWorld) -> None:
    printed = world.run(
        INIT
        + """
pathlib.Path('big').mkdir()
pathlib.Path('big/a').write_text('aa')
pathlib.Path('big/b').write_text('bb')
artifact = opensweep.Artifact('refs', 'dataset')
artifact.add_reference('file://' + os.path.abspath('big'))
artifact.add_reference('file://' + os.path.abspath('big/a'), name='again/a')
artifact.add_reference('s3://bucket/key.bin', checksum=False)
artifact.add_reference(os.environ['OPENSWEEP_URL'] + '/healthz', name='web')
print(sorted(artifact.manifest.entries), artifact.get_entry('key.bin').ref_target())
for wrong in ('no-scheme', 'file:///no/such/file'):
    try:
        artifact.add_reference(wrong)
    except ValueError:
        continue
    sys.exit('it must refuse')
run.log_artifact(artifact)
""",
        "r1",
    )
    assert printed == "['a', 'again/a', 'b', 'key.bin', 'web'] s3://bucket/key.bin\n"
    printed = world.run(
        INIT
        + """
artifact = run.use_artifact('refs')
try:
    artifact.download('out')
except (opensweep.Error, OSError) as error:
    print('told')
folder = pathlib.Path(artifact.download('out', allow_missing_references=True))
print(sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()))
pathlib.Path('big/a').write_text('xx')
try:
    artifact.get_entry('a').download('out2')
except opensweep.Error as error:
    print('has changed' in str(error))
""",
        "r2",
    )
    assert printed.splitlines() == ["told", "['a', 'again/a', 'b', 'web']", "True"]


def test_hostile_names_are_refused_on_both_sides(world: FilesWorld) -> None:
    world.run(
        INIT
        + """
artifact = opensweep.Artifact('ds', 'dataset')
pathlib.Path('x').write_text('x')
for name in ('../x', '/etc/x', 'a/../../x', 'a\\0b', 'a' * 300):
    try:
        artifact.add_file('x', name=name)
    except ValueError:
        continue
    sys.exit(f'it must refuse {name!r}')
for name in ('', '..', 'a/b', 'a:b', 'ü', 'x' * 200, 5):
    try:
        opensweep.Artifact(name, 'dataset')
    except ValueError:
        continue
    sys.exit(f'it must refuse {name!r}')
for name in ('a:b:c', 'w/x/y/z', '', ':', '../ds'):
    try:
        run.use_artifact(name)
    except ValueError:
        continue
    sys.exit(f'it must refuse {name!r}')
""",
        "r1",
    )
    entry = {"digest": sha(b"x"), "size": 1}
    manifests = [
        {"version": 1, "contents": {"../x": entry}},
        {"version": 1, "contents": {"/x": entry}},
        {"version": 1, "contents": {"a": {**entry, "digest": "../../etc/passwd"}}},
        {"version": 1, "contents": {"a": {**entry, "size": -1}}},
        {"version": 1, "contents": {"a": {"ref": 5, "digest": "x"}}},
        {"version": 1, "contents": []},
        {"version": 2, "contents": {}},
        [],
    ]
    with world.client() as client:
        client.send_piece(sha(b"x"), 1, 0, b"x")
        given = {"project": "p", "type": "dataset", "name": "ds"}
        for manifest in manifests:
            text = json.dumps(manifest).encode()
            client.send_piece(sha(text), len(text), 0, text)
            with pytest.raises(errors.UsageError):
                client.commit_artifact({**given, "manifest": sha(text)})
        text = b'{"version":1,"contents":{}}'
        client.send_piece(sha(text), len(text), 0, text)
        for wrong in (
            {"name": "../x"},
            {"type": "a/b"},
            {"aliases": ["v1"]},
            {"aliases": ["a/b"]},
            {"tags": [""]},
            {"manifest": "x"},
            {"metadata": []},
            {"ttl_s": -1},
        ):
            with pytest.raises(errors.UsageError):
                client.commit_artifact({**given, "manifest": sha(text), **wrong})
        assert client.commit_artifact({**given, "manifest": sha(text)})["artifact"]["version"] == 0


def test_a_link_in_the_way_of_a_download_leads_nowhere(world: FilesWorld) -> None:
    world.run(
        INIT
        + """
artifact = opensweep.Artifact('ds', 'dataset')
with artifact.new_file('sub/file') as file:
    file.write('new')
with artifact.new_file('top') as file:
    file.write('new')
run.log_artifact(artifact)
""",
        "r1",
    )
    done = world.script(
        INIT
        + """
artifact = run.use_artifact('ds')
os.makedirs('elsewhere'); os.makedirs('out1'); os.makedirs('out2')
pathlib.Path('elsewhere/file').write_text('mine')
os.symlink(os.path.abspath('elsewhere/file'), 'out1/top')
artifact.download('out1')
print(pathlib.Path('elsewhere/file').read_text(), os.path.islink('out1/top'))
os.symlink(os.path.abspath('elsewhere'), 'out2/sub')
try:
    artifact.download('out2')
except ValueError as error:
    print('link is in the way' in str(error), pathlib.Path('elsewhere/file').read_text())
"""
    )
    assert done.stdout.split() == ["mine", "False", "True", "mine"], done.stderr


def test_two_runs_log_one_name_at_once(world: FilesWorld) -> None:
    code = INIT + MAKE + "for i in range(5): run.log_artifact(make(f'{run.id} {i}'))"
    threads = [threading.Thread(target=world.run, args=(code, f"r{n}")) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = world.store.artifact_versions("p", "ds")
    assert [one.version for one in versions] == list(range(14, -1, -1))
    for run_id in ("r0", "r1", "r2"):  # each run's own in the order in which it logged them
        own = [one.version for one in world.store.artifacts_of_run(run_id, used=False)]
        assert own == sorted(own)
        assert len(own) == 5


def test_a_version_that_expires_gives_its_bytes_back(world: FilesWorld) -> None:
    code = (
        INIT
        + MAKE
        + "a = make('it')\na.ttl = 0.001\nrun.log_artifact(a)\nrun.log_artifact(make('x'))"
    )
    world.run(code, "r1")
    done = garbage.collect(world.store, world.blobs, untouched_s=-1)
    assert (done.versions, done.blobs) == (1, 2)
    assert world.store.find_artifact("p", "ds").version == 1


def test_what_the_server_will_never_take_is_told_and_holds_nothing_up(world: FilesWorld) -> None:
    log(world, "r1", "a")
    world.run(
        INIT
        + MAKE
        + "wrong = opensweep.Artifact('ds', 'model')\nrun.log_artifact(wrong)\n"
        + "run.log_artifact(make('b'))\n",
        "r2",
    )
    assert world.store.find_artifact("p", "ds").version == 1
    assert any("type 'dataset', not 'model'" in one for one in world.listener.warnings)
    draft = min((world.folder / "runs/r2/artifacts").iterdir())
    assert "not 'model'" in json.loads((draft / "answer.json").read_text())["error"]


def test_the_cache_is_bounded(world: FilesWorld) -> None:
    log(world, "r1", "x" * 1000)
    folder = world.folder / "cache" / "blobs"
    for path in folder.rglob("*"):
        os.utime(path, (0, 0))
    log(world, "r2", "y" * 1000)
    code = INIT + "run.use_artifact('ds:v1').download('a'); run.use_artifact('ds:v0').download('b')"
    world.run(code, "r3", OPENSWEEP_CACHE_GB="0.0000011")
    kept = [path.name for path in folder.rglob("*") if path.is_file()]
    assert sha(b"x" * 1000) in kept  # it was just used
    for path in folder.rglob("*"):
        os.utime(path, (0, 0))
    log(world, "r4", "z" * 1000)
    world.run(
        INIT + "run.use_artifact('ds:v2').download('c')", "r5", OPENSWEEP_CACHE_GB="0.0000011"
    )
    kept = [path.name for path in folder.rglob("*") if path.is_file()]
    assert sha(b"x" * 1000) not in kept
    assert all(path.stat().st_mode & 0o222 == 0 for path in folder.rglob("*") if path.is_file())


# -- under an agent: by questions ---------------------------------------------------------------


@pytest.fixture
def shipped(world: FilesWorld) -> Iterator[RunFolder]:
    """A folder that an agent made, with its errands at work."""
    folder = RunFolder.create(
        world.folder / "trial", run_id="t1", config={}, locked=True, metadata={"project": "p"}
    )
    over = threading.Event()
    with world.client() as client:
        client.register_run("t1", "1" * 16, project="p")
        given = (client, folder, "t1", 1, world.listener)
        errands = [AskErrand(*given), FileErrand(*given), ArtifactErrand(*given)]

        def work() -> None:
            while not over.wait(0.02):
                errands[2]._look = True  # no shipper reads the records here
                for errand in errands:
                    errand.work(final=False)

        thread = threading.Thread(target=work)
        thread.start()
        yield folder
        over.set()
        thread.join()
        for errand in errands:
            errand.work(final=True)


def under_agent(
    world: FilesWorld, folder: RunFolder, code: str
) -> subprocess.CompletedProcess[str]:
    environ = world.environ(OPENSWEEP_RUN_DIR=str(folder.path), OPENSWEEP_WRITER="1")
    for secret in ("OPENSWEEP_URL", "OPENSWEEP_API_KEY"):
        del environ[secret]
    return subprocess.run(
        [sys.executable, "-c", "import os, sys, pathlib\nimport opensweep\n" + code],
        env=environ,
        cwd=world.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_trial_gets_its_inputs_from_its_agent(world: FilesWorld, shipped: RunFolder) -> None:
    log(world, "r1", "input")
    done = under_agent(
        world,
        shipped,
        INIT
        + MAKE
        + """
artifact = run.use_artifact('ds:v0')
print(pathlib.Path(artifact.download(), 'a.txt').read_text())
try:
    run.use_artifact('nothing')
except opensweep.Error as error:
    print(error)
logged = run.log_artifact(make('output', 'out')).wait(30)
print(logged.name, logged.qualified_name)
print(pathlib.Path(run.use_artifact('out:latest').download('o'), 'a.txt').read_text())
print(run.restore('no-such-file', run_path='r1'))
""",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "input",
        "project 'p' has no artifact 'nothing'",
        "out:v0 p/out:v0",
        "output",
        "None",
    ]
    used = {one.name for one in world.store.artifacts_of_run("t1", used=True)}
    assert used <= {"ds", "out"}
    deadline = time.monotonic() + 10
    while {one.name for one in world.store.artifacts_of_run("t1", used=True)} != {"ds", "out"}:
        assert time.monotonic() < deadline
    assert list(shipped.asks.iterdir()) == []


def test_a_trial_may_ask_for_artifacts_and_files_alone(
    world: FilesWorld, shipped: RunFolder
) -> None:
    done = under_agent(
        world,
        shipped,
        """
from logging_core.artifacts.asking import AskSource
source = AskSource(os.environ['OPENSWEEP_RUN_DIR'])
for asked in (
    ('GET', '/api/handshake'),
    ('POST', '/api/sweeps'),
    ('GET', '/api/artifacts/../sweeps'),
    ('POST', '/api/runs/t1/end'),
    ('DELETE', '/api/runs/r1/files/x'),
    ('GET', '/api/runs/t1'),
):
    try:
        source.json(*asked)
    except ValueError as error:
        print('nothing that a script may ask for' in str(error))
try:
    source.fetch({'../../x': 5})
except opensweep.Error as error:
    print('SHA-256' in str(error))
""",
    )
    assert done.stdout.split() == ["True"] * 7, done.stderr


def test_nobody_answers(world: FilesWorld) -> None:
    folder = RunFolder.create(
        world.folder / "trial", run_id="t1", config={}, locked=True, metadata={"project": "p"}
    )
    code = "import logging_core.artifacts.asking as a\na._ABSENT_S = 0.2\n" + INIT
    done = under_agent(world, folder, code + "run.use_artifact('ds')")
    assert "nobody answers" in done.stderr
    done = under_agent(
        world,
        folder,
        "import logging_core.artifacts.artifact as a\na._NOBODY_S = 0.2\n"
        + INIT
        + MAKE
        + "run.log_artifact(make('x')).wait()",
    )
    assert "the run is offline" in done.stderr
