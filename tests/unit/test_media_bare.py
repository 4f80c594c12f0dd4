"""Media with nothing installed, on the oldest and newest Python that there is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from test_logger_exports import ROOT, find_python

CODE = """
import sys, json, pathlib
sys.modules["numpy"] = None
import opensweep
from opensweep import plot
from opensweep.data_types import Html
from logging_core.media.rows import Desk, settle

table = opensweep.Table(columns=["a", "b"], data=[[1, Html("<p>")]])
table.add_column("c", ["x"])
row = {
    "table": table,
    "histogram": opensweep.Histogram([1, 2, 2.5], num_bins=3),
    "sound": opensweep.Audio([0.0, 0.5], sample_rate=10),
    "sounds": [opensweep.Audio([0.0], sample_rate=10)],
    "points": opensweep.Object3D.from_point_cloud([[1, 2, 3]], []),
    "chart": plot.line_series([1, 2], [[3, 4]]),
    "matrix": plot.confusion_matrix(y_true=[0, 1], probs=[[0.9, 0.1], [0.2, 0.8]]),
    "file": opensweep.Image(sys.argv[1]),
}
desk = Desk(pathlib.Path("files"), 1, print, lambda config: None)
told = settle(row, desk)
assert told["histogram"]["values"] == [1, 0, 2], told["histogram"]
try:
    opensweep.Image([[1, 2]])
except opensweep.UsageError as error:
    assert "pip install numpy" in str(error)
else:
    raise AssertionError("an array without NumPy")
"""


@pytest.mark.parametrize("version", ["3.8", "3.13", "3.14"])
def test_media_need_nothing_installed(tmp_path: Path, version: str) -> None:
    interpreter = find_python(version)
    if interpreter is None:
        pytest.skip(f"there is no Python {version} on this machine")
    picture = tmp_path / "p.gif"
    picture.write_bytes(b"GIF89a\x02\0\x01\0")
    done = subprocess.run(
        [interpreter, "-W", "error", "-c", CODE, str(picture)],
        env={"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    saved = done.stdout.split()
    assert len(saved) == 8
    assert all((tmp_path / "files" / path).is_file() for path in saved)
