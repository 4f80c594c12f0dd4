"""Where a run comes from: code, packages, machine; and no secret in any of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from logger_place import clean_place as clean_place

import opensweep
from controller.private import home_folder
from logging_core import git, masking, provenance, redacting
from logging_core.commands import ask
from logging_core.records import FileSaved, History, MetadataUpdate, Reader

ROOT = Path(opensweep.__file__).resolve().parent.parent


def run_git(folder: Path, *args: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text("one\ntwo\n")
    run_git(folder, "init", "-q", "-b", "trunk")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-q", "-m", "first")
    return folder


# -- code -----------------------------------------------------------------------------------------


def test_a_clean_repository_is_its_commit(repository: Path) -> None:
    run_git(repository, "remote", "add", "mirror", "https://u:pw@example.org/a.git")
    found = git.state(str(repository / "src"), {})
    assert found is not None
    assert found.brief() == {
        "commit": run_git(repository, "rev-parse", "HEAD"),
        "branch": "trunk",
        "remote": "https://example.org/a.git",
        "dirty": False,
    }
    assert (found.root, found.diffs) == (str(repository), {})


def test_the_patch_makes_the_code_again(repository: Path, tmp_path: Path) -> None:
    """Changes that are staged or not, and files that git does not know yet, but no data."""
    (repository / "src" / "train.py").write_text("one\nTWO\n")
    (repository / "staged.py").write_text("staged\n")
    run_git(repository, "add", "staged.py")
    (repository / "src" / "new é.py").write_text("no end of line")
    (repository / "weights.bin").write_bytes(b"\0" * 100)
    (repository / "large.txt").write_text("x" * 200_000)
    (repository / "link").symlink_to("/etc/passwd")
    found = git.state(str(repository / "src"), {})
    assert found is not None
    assert found.dirty
    index = (repository / ".git" / "index").stat()
    patch = tmp_path / "diff.patch"
    patch.write_bytes(found.diffs["diff.patch"])
    clone = tmp_path / "clone"
    run_git(tmp_path, "clone", "-q", str(repository), str(clone))
    run_git(clone, "apply", str(patch))
    files = {
        str(path.relative_to(clone)): path.read_text()
        for path in clone.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    assert files == {
        "src/train.py": "one\nTWO\n",
        "staged.py": "staged\n",
        "src/new é.py": "no end of line",
    }
    assert (repository / ".git" / "index").stat().st_mtime_ns == index.st_mtime_ns


def test_commits_that_are_only_here_are_in_a_patch_too(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    run_git(tmp_path, "clone", "-q", str(repository), str(clone))
    base = run_git(clone, "rev-parse", "HEAD")
    (clone / "more.py").write_text("more\n")
    run_git(clone, "add", ".")
    run_git(clone, "commit", "-q", "-m", "not pushed")
    found = git.state(str(clone), {})
    assert found is not None
    assert list(found.diffs) == [f"diff_{base}.patch"]
    assert b"+more" in found.diffs[f"diff_{base}.patch"]


def test_a_patch_that_is_too_large_is_left_out_and_said_so(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "MAX_DIFF", 1000)
    (repository / "src" / "train.py").write_text("x\n" * 1000)
    found = git.state(str(repository), {})
    assert found is not None
    assert found.diffs == {}
    assert "left out" in str(found.brief()["diff"])


def test_no_repository_and_one_without_a_commit(tmp_path: Path) -> None:
    assert git.state(str(tmp_path), {}) is None
    run_git(tmp_path, "init", "-q", "-b", "trunk")
    found = git.state(str(tmp_path), {})
    assert found is not None
    assert (found.commit, found.branch, found.diffs) == ("", "trunk", {})


def test_a_program_that_hangs_or_says_too_much_is_ended() -> None:
    began = time.monotonic()
    assert ask(["sh", "-c", "sleep 60 & sleep 60"], limit_s=0.2) is None
    assert ask(["sh", "-c", "yes"], limit_bytes=1000) is None
    assert ask(["sh", "-c", "exit 3"]) is None
    assert ask(["/no/such/program"]) is None
    assert ask(["echo", "here"]) == b"here\n"
    assert time.monotonic() - began < 10


# -- secrets --------------------------------------------------------------------------------------


def test_secrets_are_masked_by_name_and_by_look() -> None:
    environ = {
        "AWS_SECRET_ACCESS_KEY": "a", "HF_TOKEN": "b", "PGPASSWORD": "c", "GH_PAT": "d",
        "GOOGLE_APPLICATION_CREDENTIALS": "e", "SLACK_WEBHOOK_URL": "f", "NPM_AUTH": "g",
        "http_proxy": "http://me:pw@proxy:3128", "ODD": "AKIAABCDEFGHIJKLMNOP",
        "PEM": "-----BEGIN RSA", "PATH": "/usr/bin", "PWD": "/work", "HOME": "/home/me",
        "DATABASE_URL": "postgresql+psycopg://me:p%40w@db/x",
    }  # fmt: skip
    kept = {name: value for name, value in masking.environment(environ).items() if value != "***"}
    assert kept == {
        "PATH": "/usr/bin",
        "PWD": "/work",
        "HOME": "/home/me",
        "http_proxy": "http://proxy:3128",
        "DATABASE_URL": "postgresql+psycopg://db/x",
    }


def test_an_environment_without_end_is_cut() -> None:
    found = masking.environment({f"V{i:04}": "x" * 10_000 for i in range(100)})
    assert sum(map(len, found.values())) <= 65_536
    assert len(found["V0000"]) == 4096


@pytest.mark.parametrize(
    ("args", "masked"),
    [
        (["--lr", "0.1", "--api-key", "x", "--n=3"], ["--lr", "0.1", "--api-key", "***", "--n=3"]),
        (["--token=x", "hf_token=y"], ["--token=***", "hf_token=***"]),
        (["--token", "--verbose", "x"], ["--token", "--verbose", "x"]),
        (["--max-tokens=5", "--tokenizer", "bpe", "--key", "val"],) * 2,
        (["--max_token", "5"],) * 2,
        (["++model.password=x"], ["++model.password=***"]),
        (["https://u:p@h/x"], ["https://h/x"]),
    ],
)
def test_arguments(args: list[str], masked: list[str]) -> None:
    assert masking.arguments(args) == masked


def test_a_patch_holds_sources_and_no_secrets(repository: Path) -> None:
    """Homes, run folders, environments, files named like secrets: none of it, and it is said."""
    (repository / "deploy.yaml").write_text("user: me\n")
    run_git(repository, "add", ".")
    run_git(repository, "commit", "-q", "-m", "second")
    (repository / "deploy.yaml").write_text("user: me\npassword: hunter2\n")
    private = [
        "home/api_key", "home/server_id", "home/broker/agent_password", "home/valkey.py",
        "box/outbox/a.py", "box/runs/s/t/files/a.py", "elsewhere/note.py", ".env", ".env.local",
        "key.txt", "credentials.json", "id_rsa", "id_rsa.sh", "hf_token.yaml", "settings.json",
        "app.ini", ".netrc", ".npmrc", "server.pem", "nb.ipynb", "wandb/run-1/a.py",
        "opensweep/x/files/b.py", "mine/r1/records.1.bin", "mine/r1/files/c.py", "odd/pyvenv.cfg",
        "odd/lib/d.py", "node_modules/e.js", ".cache/f.py", "secrets.py", "conf/secrets/g.yaml",
    ]  # fmt: skip
    for name in private:
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("hunter2\n")
    (repository / "tokenizer.py").write_text("WANDB_API_KEY = 'hunter2'\nkey = 'loss'\n")
    found = git.state(str(repository), {"OPENSWEEP_HOME": str(repository / "elsewhere")})
    assert found is not None
    patch = found.diffs["diff.patch"].decode()
    assert "hunter2" not in patch
    assert "+WANDB_API_KEY = '***'\n+key = 'loss'\n" in patch
    assert "+password: ***\n" in patch
    changed = [line for line in patch.splitlines() if line.startswith("diff --git")]
    assert changed == [
        "diff --git a/deploy.yaml b/deploy.yaml", "diff --git a/tokenizer.py b/tokenizer.py",
    ]  # fmt: skip
    notes = [line for line in patch.splitlines() if line.startswith("# opensweep: ")]
    for said in ("elsewhere/note.py (below OPENSWEEP_HOME)", "home/api_key", "masked: deploy.yaml"):
        assert any(said in note for note in notes), said
    run_git(repository, "stash", "-q")
    (repository / "tokenizer.py").unlink()
    (repository.parent / "d.patch").write_text(patch)
    run_git(repository, "apply", str(repository.parent / "d.patch"))


def test_secrets_that_git_knows_are_left_out_as_well(repository: Path) -> None:
    for name in (".env", "home/api_key", "home/server.lock", "home/x.py"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text("old\n")
    run_git(repository, "add", "-f", ".")
    run_git(repository, "commit", "-q", "-m", "careless")
    for name in (".env", "home/api_key", "home/x.py"):
        (repository / name).write_text("hunter2\n")
    (repository / "src" / "train.py").write_text("lr = 3\n")
    found = git.state(str(repository), {})
    assert found is not None
    patch = found.diffs["diff.patch"]
    assert b"hunter2" not in patch
    assert b"+lr = 3\n" in patch


def test_a_new_home_is_kept_out_of_git(tmp_path: Path) -> None:
    home_folder(tmp_path / "home")
    assert (tmp_path / "home" / ".gitignore").read_text() == "*\n"
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").touch()
    home_folder(tmp_path / "code")  # somebody's own folder: its files stay in git
    assert not (tmp_path / "code" / ".gitignore").exists()


SECRET_HEX = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        (f'wandb.login(key="{SECRET_HEX}")', 'wandb.login(key="***")'),
        ("os.environ['HF_TOKEN'] = 'abc'", "os.environ['HF_TOKEN'] = '***'"),
        ('os.environ.setdefault("X_API_KEY", "abc")', 'os.environ.setdefault("X_API_KEY", "***")'),
        ('api_key = os.getenv("MY_API_KEY", "abc")', 'api_key = os.getenv("MY_API_KEY", "***")'),
        ('    api_key: str | None = "abc"  # mine', '    api_key: str | None = "***"  # mine'),
        ('f(user="a", password=\'b"c\')', "f(user=\"a\", password='***')"),
        ('add("--api-key", type=str, default="abc")', 'add("--api-key", type=str, default="***")'),
        (r'"  \"API_KEY\": \"abc\",\n"', r'"  \"API_KEY\": \"***\",\n"'),
        ('aws = ("AKIAABCDEFGHIJKLMNOP", 1)', 'aws = ("***", 1)'),
        ('db = "postgres://me:pw@host/x"', 'db = "postgres://***@host/x"'),
        ('password = "$ecret!"', 'password = "***"'), ('password="get me"', 'password="***"'),
        ("dbPassword = 'x1'", "dbPassword = '***'"),
        ('API_KEY = (\n    "abc"\n)', 'API_KEY = (\n    "***"\n)'),
        *((same, same) for same in (
            'api_key = os.environ["API_KEY"]', 'key = "loss"', 'pad_token = "<pad>"',
            "api_key=api_key,", "max_tokens = 512", "def f(password: str = None) -> str:",
            'for key, value in sorted(x.items(), key=lambda kv: kv["name"]):', 'eos_token="</s>"',
            "from transformers import AutoTokenizer", 'auth_token = f"{prefix}"',
            'url = "https://example.org/a@b"', 'f"redis://{user}:{password}@{host}"',
            f'commit = "{SECRET_HEX}"', "password = getpass.getpass()", "token = tokens[0]",
            'keys = ["query", "key", "value_projection_layer_norm"]', "self.secret = secret",
            'headers = {"Authorization": f"Bearer {key}"}', 'API_KEY = "WANDB_API_KEY"',
            'def kept_secret(path: Path) -> str:\n    """The secret in a file."""',
            'parser.add_argument("--token", required=True)', 'key: "val/accuracy_top5"',
        )),
    ],
)  # fmt: skip
def test_secrets_in_programs_lose_their_value(line: str, masked: str) -> None:
    assert redacting.source(line, bare=False) == masked


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("export WANDB_API_KEY=abc", "export WANDB_API_KEY=***"),
        ("HF_TOKEN=abc python train.py", "HF_TOKEN=*** python train.py"),
        ("python train.py --api-key abc --lr 1", "python train.py --api-key *** --lr 1"),
        (f"wandb login {SECRET_HEX}", "wandb login ***"),
        ("password: hunter2  # mine", "password: ***  # mine"),
        ("secret: |\n  hunter2", "secret: |\n  ***"),
        *((same, same) for same in (
            "API_KEY=$OTHER", "password: null", "api_key: ${oc.env:KEY}", "tokenizer: gpt2",
            "key: val_loss", "pad_token: x",
        )),
    ],
)  # fmt: skip
def test_secrets_in_scripts_and_configurations_lose_their_value(line: str, masked: str) -> None:
    assert redacting.source(line, bare=True) == masked


def test_a_private_key_goes_whole() -> None:
    body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gt"
    kind = "RSA PRIVATE KEY-----"
    key = f"+K = '-----BEGIN {kind}\n+{body}\n+ab==\n+-----END {kind}'\n+x = 1\n"
    masked = redacting.source(key, bare=False, prefix=1)
    assert masked == "+K = '***\n+***\n+***\n+***'\n+x = 1\n"
    assert redacting.source(f" {body}\n+y", bare=False, prefix=1) == " ***\n+y"  # the end of one
    code = 'if "***" in text:\n    return 1\nx = load(text)'
    assert redacting.source(code.replace("***", f"-----BEGIN {kind}"), bare=False) == code


def test_what_git_says_of_a_place_is_masked_as_well() -> None:
    hunk = "@@ -1 +1 @@ def f(password='x1'):\n-a\n+b\n"
    masked = redacting.source(hunk, bare=False, prefix=1)
    assert masked == hunk.replace("x1", "***")


# -- packages and machine -------------------------------------------------------------------------


def test_packages_are_those_of_the_interpreter(tmp_path: Path) -> None:
    found = provenance.packages(sys.path, {})["requirements.txt"].decode().splitlines()
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=True,
    )
    listed = {line.lower().replace("-", "_").replace(".", "_") for line in pip.stdout.splitlines()}
    assert {line.lower().replace("-", "_").replace(".", "_") for line in found} >= listed
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "numpy-base-1.26.4-py311_0.json").touch()
    conda = provenance.packages([], {"CONDA_PREFIX": str(tmp_path)})
    assert conda == {"conda-packages.txt": b"numpy-base=1.26.4=py311_0\n"}


def test_gpus_driver_and_cuda(tmp_path: Path) -> None:
    smi = tmp_path / "nvidia-smi"
    smi.write_text(
        '#!/bin/sh\ncase "$1" in --query-gpu=*) echo "GPU-1, NVIDIA H200, 143771, 570.1"\n'
        'echo "GPU-2, NVIDIA H200, [N/A], 570.1";; *) echo "| CUDA Version: 12.8  |";; esac\n'
    )
    smi.chmod(0o755)
    said = provenance.of_machine({"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert (said["gpu"], said["gpu_count"], said["driver"], said["cuda"]) == (
        "NVIDIA H200", 2, "570.1", "12.8",
    )  # fmt: skip
    assert [gpu["memoryTotal"] for gpu in said["gpu_nvidia"]] == [143771 << 20, None]
    assert said["memory"]["total"] > 1 << 28


# -- a run without an agent -----------------------------------------------------------------------


def start(folder: Path, code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    (folder / "train.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "train.py", "--secret", "hunter2", "--lr=1"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OPENSWEEP_MODE": "offline",
             "OPENSWEEP_DIR": str(folder / "runs"), **environ},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def only_run(folder: Path) -> Path:
    (run,) = [path for path in (folder / "runs").iterdir() if path.is_dir()]
    return run


def records(run: Path) -> list[Any]:
    return Reader(run / "records.1.bin").read(final=True)


def test_even_a_short_run_says_where_it_comes_from(repository: Path) -> None:
    start(
        repository,
        "import opensweep\nwith opensweep.init(save_code=True) as run: run.log({'a': 1})\n",
        DB_PASSWORD="hunter2",
    )
    run = only_run(repository)
    said = json.loads((run / "files" / "opensweep-metadata.json").read_text())
    assert said["args"] == ["--secret", "***", "--lr=1"]
    assert (said["cwd"], said["root"]) == (str(repository),) * 2
    assert (said["program"], said["codePath"]) == ("train.py", "train.py")
    assert said["git"]["commit"] == run_git(repository, "rev-parse", "HEAD")
    assert (run / "files" / "code" / "train.py").read_text().startswith("import opensweep")
    everything = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    assert b"hunter2" not in everything
    saved = {record.path for record in records(run) if isinstance(record, FileSaved)}
    assert saved == {
        "opensweep-metadata.json", "requirements.txt", "diff.patch", "code/train.py",
    }  # fmt: skip
    told: dict[str, Any] = {}
    for record in records(run):
        if isinstance(record, MetadataUpdate):
            told.update(record.values)
    assert told["git"]["branch"] == "trunk"
    assert told["cpu_count"] > 0


def test_what_shall_not_be_recorded_is_not(repository: Path) -> None:
    code = "import opensweep\nopensweep.init().finish()\n"
    start(repository, code, WANDB_DISABLE_CODE="true")
    run = only_run(repository)
    assert not list((run / "files").glob("*.patch"))
    assert "commit" in (run / "files" / "opensweep-metadata.json").read_text()
    settings = "opensweep.Settings(x_disable_meta=True, x_disable_stats=True)"
    start(repository, f"import opensweep\nopensweep.init(id='b', settings={settings}).finish()\n")
    assert list((repository / "runs" / "b" / "files").iterdir()) == []


def test_a_run_without_an_agent_samples_its_machine(tmp_path: Path) -> None:
    code = (
        "import opensweep, os, time\n"
        "run = opensweep.init()\n"
        "path = os.path.join(os.path.dirname(run.dir), 'system.1.bin')\n"
        "while not os.path.exists(path) or os.path.getsize(path) < 2000: time.sleep(0.02)\n"
    )
    start(tmp_path, code, OPENSWEEP_SYSTEM_INTERVAL="0.05")
    rows = [r for r in Reader(only_run(tmp_path) / "system.1.bin").read() if isinstance(r, History)]
    assert [row.step for row in rows] == list(range(len(rows)))
    assert rows[-1].row["system.proc.memory.rssMB"] > 5


def test_a_fork_leaves_the_helper_with_its_parent(tmp_path: Path) -> None:
    """The child holds none of its files, whatever moment it is forked at; both end in time."""
    code = (
        "import os, sys, time, opensweep\n"
        "run = opensweep.init()\n"
        "end = time.monotonic() + 1.5\n"
        "while time.monotonic() < end:\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        import subprocess, platform\n"
        "        held = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')\n"
        "                if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "        os._exit(any('system.1' in name for name in held))\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
    )
    start(tmp_path, code, OPENSWEEP_SYSTEM_INTERVAL="0.05")
    assert (only_run(tmp_path) / "system.1.bin").exists()


@pytest.mark.usefixtures("clean_place")
def test_a_second_run_of_the_process_is_captured_as_well(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with opensweep.init(id=name) as run:
            run.log({"x": 1})
        assert (Path(run.dir) / "opensweep-metadata.json").exists()
