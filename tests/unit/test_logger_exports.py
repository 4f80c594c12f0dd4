"""What `import opensweep` promises: its names, the oldest Python, nothing to install, speed."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import opensweep
from logging_core.records import History, Reader

ROOT = Path(opensweep.__file__).resolve().parent.parent
SOURCES = [
    *(
        ROOT / "opensweep" / name
        for name in ("__init__.py", "data_types.py", "errors.py", "plot.py", "util.py")
    ),
    *sorted((ROOT / "opensweep" / "integration").glob("*.py")),
    *sorted((ROOT / "logging_core").rglob("*.py")),
]
FRAMEWORKS = {
    **{name: [name] for name in ("accelerate", "keras", "lightgbm", "transformers", "xgboost")},
    "sb3": ["stable_baselines3"],
    "sklearn": ["numpy", "sklearn"],
}


def python(code: str, *options: str, path: Path = ROOT) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(path)},
        cwd=path,  # `-c` puts the working directory on the path
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_exported_names() -> None:
    assert sorted(opensweep.__all__) == [
        "AlertLevel",
        "Api",
        "Artifact",
        "Audio",
        "BoundingBoxes2D",
        "Classes",
        "CommError",
        "Error",
        "Graph",
        "Histogram",
        "Html",
        "Image",
        "ImageMask",
        "Molecule",
        "Node",
        "Object3D",
        "Plotly",
        "Run",
        "Settings",
        "Table",
        "UsageError",
        "Video",
        "__version__",
        "agent",
        "alert",
        "box3d",
        "config",
        "data_types",
        "define_metric",
        "errors",
        "finish",
        "finish_artifact",
        "init",
        "link_artifact",
        "link_model",
        "log",
        "log_artifact",
        "log_code",
        "log_model",
        "login",
        "mark_preempting",
        "plot",
        "plot_table",
        "restore",
        "run",
        "save",
        "setup",
        "summary",
        "sweep",
        "teardown",
        "termerror",
        "termlog",
        "termwarn",
        "unwatch",
        "upsert_artifact",
        "use_artifact",
        "use_model",
        "util",
        "visualize",
        "watch",
    ]
    for name in opensweep.__all__:
        assert name in dir(opensweep)
        getattr(opensweep, name)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_3_8_reads_it_and_it_needs_nothing_installed(source: Path) -> None:
    tree = ast.parse(source.read_text("utf-8"), feature_version=(3, 8))
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add((node.module or "").split(".")[0])
    # Only where they happen to be installed: PyYAML reads a file that a user names, the others are
    # what a user asks a frame of.
    optional = {"yaml", "pandas", "polars"}
    allowed = {"logging_core", *optional}
    if source.parent.name == "integration":  # for one framework each
        allowed = {"opensweep", *FRAMEWORKS.get(source.stem, ())}
    assert modules - set(sys.stdlib_module_names) <= allowed
    # Annotations such as `int | None` are no more than text there.
    assert (
        source.name == "__init__.py" or "from __future__ import annotations" in source.read_text()
    )


def test_importing_it_loads_next_to_nothing() -> None:
    before = "import sys; before = set(sys.modules); import opensweep; "
    code = before + "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    loaded = set(json.loads(python(code, "-S"))) - {"json", "json.decoder", "json.encoder"}
    assert {name for name in loaded if name.startswith(("opensweep", "logging_core"))} == {
        "opensweep"
    }
    heavy = {"numpy", "click", "typing", "importlib.metadata", "argparse", "asyncio", "logging"}
    assert not loaded & heavy


def test_the_logger_loads_nothing_heavy() -> None:
    code = "import opensweep, sys; opensweep.init; print(*sys.modules)"
    loaded = set(python(code).split())
    assert "logging_core.run" in loaded
    heavy = {"numpy", "torch", "yaml", "click", "asyncio", "tempfile", "argparse", "dataclasses"}
    heavy |= {
        "typing",
        "subprocess",
        "ctypes",
        "inspect",
        "logging",
        "tokenize",
        "shutil",
        "random",
    }
    heavy |= {"multiprocessing", "socket", "http", "email", "uuid", "importlib.metadata"}
    assert not loaded & heavy


def test_the_start_costs_no_more_than_a_few_common_modules(tmp_path: Path) -> None:
    """Import and init() against what many a script imports anyway: as much (1.03), at present.

    Processor time, and the least of a few, so that a busy machine does not matter.
    """
    ours = (
        "import opensweep; opensweep.init("
        f"dir={str(tmp_path)!r}, mode='offline', settings={{'silent': True, 'console': 'off'}})"
    )
    theirs = "import json, pathlib, subprocess, tempfile, threading, typing"

    def least(code: str) -> float:
        timed = f"import time; t = time.process_time(); {code}; print(time.process_time() - t)"
        return min(float(python(timed, "-S")) for _ in range(4))

    assert least(ours) < 1.6 * least(theirs)


def test_it_works_as_a_copy_that_holds_the_logger_alone(tmp_path: Path) -> None:
    """As the agent injects it: opensweep/__init__.py and _rooms/logging_core, nothing else."""
    rooms = tmp_path / "opensweep" / "_rooms"
    shutil.copytree(ROOT / "logging_core", rooms / "logging_core")
    shutil.copy(ROOT / "opensweep" / "__init__.py", tmp_path / "opensweep")
    code = (
        "import opensweep, sys, logging_core.run as r\n"
        "run = opensweep.init(mode='disabled', config={'lr': 1})\n"
        "print(opensweep.__version__, run.config.lr, r.__file__, sys.path[-1])"
    )
    version, lr, where, last = python(code, "-S", path=tmp_path).split()
    assert (version, lr) == (opensweep.__version__, "1")
    assert where == str(rooms / "logging_core" / "run.py")
    assert last == str(rooms)  # at the end: nobody's own module is hidden


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13", "3.14"])
def test_it_runs_on_other_pythons(tmp_path: Path, version: str) -> None:
    interpreter = find_python(version)
    if interpreter is None:
        pytest.skip(f"there is no Python {version} on this machine")
    code = (
        "import opensweep as wandb, sys\n"
        "with wandb.init(project='p', config={'lr': 0.1, 'm': {'k': 1}}) as run:\n"
        "    run.define_metric('v/*', summary='min')\n"
        "    for i in range(3): run.log({'loss': 1.0 / (i + 1), 'v/x': i, 'note': 'n'})\n"
        "    run.log({'loss': 9}, step=9)\n"
        "    assert run.config.m.k == 1 and run.summary['v/x'] == {'min': 0}\n"
        "print('%d.%d' % sys.version_info[:2])\n"
    )
    done = subprocess.run(
        [interpreter, "-W", "error", "-c", code],
        env={"PYTHONPATH": str(ROOT), "OPENSWEEP_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == version
    assert "Run summary" in done.stderr
    (run,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    rows = [r.row for r in Reader(run / "records.1.bin").read() if isinstance(r, History)]
    assert [row["loss"] for row in rows] == [1.0, 0.5, 1 / 3, 9]


def find_python(version: str) -> str | None:
    """On the PATH, or pyenv's (whose own stand-ins on the PATH do not run unless chosen)."""
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    on_path = shutil.which(f"python{version}")
    if on_path is not None and "shims" not in on_path:
        found.append(Path(on_path))
    return str(found[-1]) if found else None
