"""What the libraries of a script bring: pictures, figures, frames and films become media."""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from run_records import rows_of

np = pytest.importorskip("numpy")

import opensweep
from opensweep import UsageError

PIXELS = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)


@pytest.fixture
def run() -> opensweep.Run:
    return opensweep.init(project="media")


def logged(run: opensweep.Run, **row: Any) -> dict[str, Any]:
    run.log(row)
    run.finish()
    return rows_of(run)[-1]


def content(run: opensweep.Run, told: dict[str, Any]) -> bytes:
    return (Path(run.dir) / told["path"]).read_bytes()


def test_pillow(run: opensweep.Run) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    picture = pillow.fromarray(PIXELS)
    modes = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "YCbCr")
    row = {mode: opensweep.Image(picture.convert("L" if mode in "LAIF" else "RGB").convert(mode))
           for mode in modes}  # fmt: skip
    found = logged(
        run,
        **row,
        itself=picture,
        several=[picture, picture],
        jpg=opensweep.Image(PIXELS, file_type="jpg"),
        see_through=opensweep.Image(np.dstack([PIXELS, PIXELS[:, :, :1]]), file_type="jpeg"),
        grey=opensweep.Image(PIXELS, mode="L"),
        bmp=opensweep.Image(picture, file_type="bmp"),
    )
    for mode in modes:
        assert (found[mode]["width"], found[mode]["height"]) == (5, 4)
        pillow.open(io.BytesIO(content(run, found[mode]))).load()
    for name in ("RGB", "itself"):
        again = pillow.open(io.BytesIO(content(run, found[name])))
        assert np.array_equal(np.asarray(again), PIXELS)
    assert found["several"]["count"] == 2
    assert found["jpg"]["format"] == "jpg"
    assert content(run, found["jpg"])[:2] == content(run, found["see_through"])[:2] == b"\xff\xd8"
    assert pillow.open(io.BytesIO(content(run, found["grey"]))).mode == "L"
    assert content(run, found["bmp"])[:2] == b"BM"
    assert opensweep.Image(PIXELS).image.size == (5, 4)


def test_matplotlib(run: opensweep.Run) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(2, 1), dpi=50)
    axes.plot([1, 2])
    found = logged(
        run, figure=figure, axes=axes, pyplot=pyplot, wrapped=opensweep.Image(figure, caption="c")
    )
    for told in found.values():
        assert told["_type"] == "image-file"
        assert (told["width"], told["height"]) == (100, 50)
    pyplot.close(figure)
    with pytest.raises(UsageError, match="on no figure"):
        opensweep.Image(matplotlib.lines.Line2D([], []))


def test_plotly(run: opensweep.Run) -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects", reason="plotly is not installed")
    figure = graph_objects.Figure(graph_objects.Scatter(x=np.arange(20_000), y=[1.0, np.nan]))
    found = logged(run, figure=figure, wrapped=opensweep.Plotly(figure))
    for told in found.values():
        assert told["_type"] == "plotly-file"
        assert told["path"].endswith(".plotly.json")
        data = json.loads(content(run, told))["data"][0]
        assert data["y"] == [1.0, "NaN"]
        x = data["x"]  # newer versions of plotly pack arrays themselves
        x = np.frombuffer(base64.b64decode(x["bdata"]), x["dtype"]) if "bdata" in x else x
        assert len(x) == 20_000
    with pytest.raises(UsageError, match="plotly or matplotlib"):
        opensweep.Plotly(5)


def test_plotly_of_matplotlib() -> None:
    pytest.importorskip("plotly", reason="plotly is not installed")
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.imshow(PIXELS)
    with pytest.raises(UsageError, match=r"use Image\(figure\)"):
        opensweep.Plotly(figure)
    pyplot.close(figure)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(run: opensweep.Run, library: str) -> None:
    frames = pytest.importorskip(library, reason=f"{library} is not installed")
    frame = frames.DataFrame({"n": [1, 2], "text": ["a", None], "x": [0.5, float("inf")]})
    found = logged(run, frame=frame, table=opensweep.Table(data=frame))
    for told in found.values():
        assert told["_type"] == "table-file"
        table = json.loads(content(run, told))
        assert table["columns"] == ["n", "text", "x"]
        assert [row[0] for row in table["data"]] == [1, 2]
        assert table["data"][1][2] == "Infinity"
    if library == "pandas":
        again = opensweep.Table(dataframe=frame).get_dataframe()
        assert again["n"].tolist() == [1, 2]


FRAMES = (np.arange(4 * 3 * 17 * 21) % 255).astype(np.uint8).reshape(4, 3, 17, 21)


@pytest.mark.parametrize("kind", ["gif", "mp4", "webm"])
def test_films(run: opensweep.Run, kind: str) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="ffmpeg is not installed")
    film = opensweep.Video(FRAMES, format=kind, fps=10, caption="c")
    batch = opensweep.Video(np.stack([FRAMES, FRAMES, FRAMES]), format=kind)
    floats = opensweep.Video(FRAMES[:, :1].astype(float), format=kind)
    found = logged(run, film=film, both=[batch, floats])
    assert (found["film"]["width"], found["film"]["height"]) == (21, 17)
    # Three beside each other, on a grid of a power of two.
    assert [each["width"] for each in found["both"]["videos"]] == [3 * 21, 21]
    path = str(Path(run.dir) / found["film"]["path"])
    count, seconds = imageio_ffmpeg.count_frames_and_secs(path)
    assert count == 4
    assert seconds == pytest.approx(0.4, abs=0.15)


def test_films_without_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="pip install imageio-ffmpeg"):
        opensweep.Video(FRAMES, format="mp4")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(UsageError, match="imageio-ffmpeg"):
        opensweep.Video(FRAMES)


def test_gifs_by_pillow_alone(monkeypatch: pytest.MonkeyPatch, run: opensweep.Run) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setenv("PATH", "")
    found = logged(run, film=opensweep.Video(FRAMES, fps=5))
    film = pillow.open(io.BytesIO(content(run, found["film"])))
    assert (film.n_frames, film.size, film.info["duration"]) == (4, (21, 17), 200)
