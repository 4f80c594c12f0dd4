"""What `pip install opensweep` puts on a machine: one name, that disturbs nobody and works whole.

Built and installed for real. W&B's engine on PyPI is called `sweeps`, and reinforcement-learning
code often has its own `agent`: neither may break us, nor we them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from urllib.parse import urljoin

import pytest
import urllib3

ROOT = Path(__file__).resolve().parents[2]


def run(*argv: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(a) for a in argv],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, f"{argv}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=ROOT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A virtual environment with the wheel alone; what it depends on is borrowed from ours."""
    place = tmp_path / "env"
    venv.create(place, with_pip=False, symlinks=True)
    site = place / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    # A folder named in a .pth file is searched last, and .pth files within it are not read: so the
    # checkout that is installed for development stays out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place


def pip(home: Path, *args: str | Path) -> None:
    run(sys.executable, "-m", "pip", "--python", home / "bin" / "python", *args, cwd=home)


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENSWEEP_", "PYTHON"))}
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "OPENSWEEP_HOME": str(home / "opensweep-home")}


def test_the_wheel_holds_one_name_and_all_that_it_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"opensweep"}
    for needed in (
        "opensweep/_rooms/sweeps/protocol/lua/claim.lua",
        "opensweep/_rooms/controller/store/migrations/env.py",
        "opensweep/_rooms/agent/warden.py",
        "opensweep/_rooms/logging_core/run.py",
        "opensweep/py.typed",
    ):
        assert needed in names
    check_pages({name.removeprefix("opensweep/_rooms/") for name in names})


def test_the_source_archive_builds_without_npm(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, ROOT,
        cwd=ROOT)  # fmt: skip
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert "hatch_build.py" in names
    assert "controller/dashboard/static/vendor/.lock" in names  # that nothing is to be fetched
    check_pages(names)


def check_pages(names: set[str]) -> None:
    """That a distribution holds the pages: ours, and what npm brought, each with its licence."""
    static = "controller/dashboard/static/"
    assert f"{static}js/main.js" in names
    assert f"{static}css/base.css" in names
    vendor = {Path(name).name for name in names if name.startswith(f"{static}vendor/")}
    for package in ("preact", "htm", "uplot", "marked"):
        assert {f"{package}.mjs", f"{package}.LICENSE.txt"} <= vendor
    assert not [name for name in names if "node_modules" in name]


def test_a_sweep_runs_from_the_wheel_alone(wheel: Path, home: Path, tmp_path: Path) -> None:
    pip(home, "install", "--quiet", "--no-deps", wheel)
    work = tmp_path / "work"
    work.mkdir()
    # The user's own modules have the names of our rooms, and are what the script gets.
    (work / "agent.py").write_text("who = 'my agent'\n")
    (work / "controller.py").write_text("who = 'my controller'\n")
    (work / "sweeps.py").write_text("who = 'my sweeps'\n")
    (work / "train.py").write_text(
        "import opensweep\n"
        "import agent, controller, sweeps\n"
        "run = opensweep.init()\n"
        "assert (agent.who, controller.who, sweeps.who) == "
        "('my agent', 'my controller', 'my sweeps')\n"
        "run.log({'loss': run.config.x})\n"
    )
    (work / "sweep.yaml").write_text(
        "program: train.py\nmethod: grid\nmetric: {name: loss}\n"
        "parameters: {x: {values: [3, 1, 2]}}\n"
    )
    env = environment(home)
    asked = home / "npm-was-asked"
    for tool in ("npm", "npx", "node"):
        (home / "bin" / tool).write_text(f"#!/bin/sh\ntouch {asked}\nexit 1\n")
        (home / "bin" / tool).chmod(0o755)
    shown = run(home / "bin" / "sweep", "run", "sweep.yaml", cwd=work, env=env)
    (url,) = re.findall(r"in the browser: (http\S+)", shown)
    assert fetch_page(url) > 3
    assert not asked.exists()
    # A script of its own finds the server that runs by now, and a follower carries its run.
    alone = "import opensweep; opensweep.init(id='alone').log({'a': 1})"
    waiting = {**env, "OPENSWEEP_FINISH_WAIT_S": "60"}
    run(home / "bin" / "python", "-c", alone, cwd=work, env=waiting)
    sent = json.loads((work / "opensweep" / "alone" / "sync.json").read_text())
    assert (list(sent["sent"]), sent["state"]) == (["1"], "finished")
    run(home / "bin" / "sweep", "server", "stop", cwd=work, env=env)
    assert "x: 1" in shown or "x=1" in shown, shown


def fetch_page(url: str) -> int:
    """Fetches a page and all that its document names; how many files that is."""
    with urllib3.PoolManager() as pool:
        page = pool.request("GET", url, headers={"Accept": "text/html"})
        assert page.status == 200, page.data
        named = set(re.findall(r'"(/static/[^"]+)"', page.data.decode()))
        for path in named:
            assert pool.request("GET", urljoin(url, path)).status == 200, path
    return len(named)


def test_foreign_packages_of_our_names_come_and_go(wheel: Path, home: Path) -> None:
    pip(home, "install", "--quiet", "--no-deps", wheel)
    python, env = home / "bin" / "python", environment(home)
    pip(home, "install", "--quiet", "--no-deps", "sweeps")  # W&B's engine
    foreign = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    (foreign / "site-packages" / "agent").mkdir()
    (foreign / "site-packages" / "agent" / "__init__.py").write_text("who = 'theirs'\n")

    assert "Usage" in run(home / "bin" / "sweep", "--help", cwd=home, env=env)
    run(home / "bin" / "sweep", "create", "--help", cwd=home, env=env)
    # Found, not imported: W&B's engine needs libraries that are not here.
    whose = (
        "import opensweep, importlib.util as u;"
        "print(*(u.find_spec(name).origin for name in ('agent', 'sweeps')), sep='\\n')"
    )
    for origin in run(python, "-c", whose, cwd=home, env=env).split("\n")[:2]:
        assert "site-packages" in origin
        assert "_rooms" not in origin

    pip(home, "uninstall", "--quiet", "--yes", "sweeps")
    assert "Usage" in run(home / "bin" / "sweep", "--help", cwd=home, env=env)
    run(python, "-c", "import opensweep; opensweep.init", cwd=home, env=env)
