"""What we store of media is what the real W&B client stores of the same values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

wandb = pytest.importorskip("wandb", reason="the W&B client is not installed")
np = pytest.importorskip("numpy")
pillow = pytest.importorskip("PIL.Image")

from wandb.sdk.data_types.utils import history_dict_to_json

from logging_core import plot
from logging_core.media import data_types as ours
from logging_core.media.rows import Desk, settle

pytestmark = pytest.mark.filterwarnings("ignore")


class Both:
    """One row, logged by W&B's client and by ours."""

    def __init__(self, run: Any, files: Path) -> None:
        self.run = run
        self.files = files
        self.saved: list[str] = []
        self.config: list[dict[str, Any]] = []

    def theirs(self, row: dict[str, Any], step: int = 3) -> dict[str, Any]:
        row = self.run._serialize_custom_charts(dict(row))
        return json.loads(json.dumps(history_dict_to_json(self.run, row, step=step)))

    def ours(self, row: dict[str, Any], step: int = 3) -> dict[str, Any]:
        desk = Desk(self.files, step, self.saved.append, self.config.append)
        return json.loads(json.dumps(settle(row, desk)))


@pytest.fixture(scope="module")
def wandb_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    run = wandb.init(
        mode="offline",
        dir=str(tmp_path_factory.mktemp("wandb")),
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    yield run
    run.finish()


@pytest.fixture
def both(wandb_run: Any, tmp_path: Path) -> Both:
    return Both(wandb_run, tmp_path / "files")


def same(one: Any, other: Any, *, but: tuple[str, ...] = ()) -> None:
    """Equal but for what depends on how a picture is compressed, and where W&B keeps artifacts."""
    assert skeleton(one, but) == skeleton(other, but)


def skeleton(value: Any, but: tuple[str, ...]) -> Any:
    free = {"sha256", "size", "artifact_path", "_latest_artifact_path", *but}
    if isinstance(value, dict):
        return {
            key: path_skeleton(item) if key == "path" else skeleton(item, but)
            for key, item in value.items()
            if key not in free
        }
    if isinstance(value, list):
        return [skeleton(item, but) for item in value]
    return path_skeleton(value) if isinstance(value, str) else value


def path_skeleton(path: str) -> str:
    """media/images/key_3_<digest>.png without the digest."""
    if not path.startswith("media/"):
        return path
    stem, _, rest = path.rpartition("_")
    return f"{stem}_{rest[20:]}" if len(rest) > 20 else path


PIXELS = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)


def images(of: Any) -> dict[str, Any]:
    labels = {0: "dog", 1: "cat"}
    box = {
        "position": {"minX": 0.1, "maxX": 0.2, "minY": 0.3, "maxY": 0.4},
        "class_id": 1,
        "box_caption": "cat",
        "scores": {"acc": 0.5},
    }
    return {
        "plain": of.Image(PIXELS),
        "grey": of.Image(PIXELS[:, :, 0], caption="grey"),
        "pillow": of.Image(pillow.fromarray(PIXELS), grouping=2),
        "over/lay": of.Image(
            PIXELS,
            boxes={"truth": {"box_data": [box], "class_labels": labels}},
            masks={"mine": {"mask_data": np.zeros((5, 7), dtype=np.uint8), "class_labels": labels}},
        ),
        "several": [of.Image(PIXELS, caption="a"), of.Image(PIXELS + 1, caption="b")],
        "jpeg": of.Image(PIXELS, file_type="jpg"),
        "boxes": [
            of.Image(PIXELS, boxes={"t": {"box_data": [box], "class_labels": labels}}),
            of.Image(PIXELS),
        ],
    }


def test_images(both: Both) -> None:
    theirs, mine = both.theirs(images(wandb)), both.ours(images(ours))
    same(mine, theirs)
    for name in ("plain", "grey", "pillow", "over/lay"):
        one = pillow.open(Path(both.run.dir) / theirs[name]["path"])
        other = pillow.open(both.files / mine[name]["path"])
        assert one.mode == other.mode
        assert np.array_equal(np.asarray(one), np.asarray(other))
    their_mask = pillow.open(Path(both.run.dir) / theirs["over/lay"]["masks"]["mine"]["path"])
    my_mask = pillow.open(both.files / mine["over/lay"]["masks"]["mine"]["path"])
    assert np.array_equal(np.asarray(their_mask), np.asarray(my_mask))
    their_boxes = Path(both.run.dir) / theirs["over/lay"]["boxes"]["truth"]["path"]
    my_boxes = both.files / mine["over/lay"]["boxes"]["truth"]["path"]
    assert json.loads(their_boxes.read_text()) == json.loads(my_boxes.read_text())
    assert sorted(set(both.saved)) == sorted(
        str(path.relative_to(both.files)) for path in both.files.rglob("*") if path.is_file()
    )
    labels = both.run._config["_wandb"]["mask/class_labels"]
    told = [
        each["_wandb"]["mask/class_labels"]
        for each in both.config
        if "mask/class_labels" in each["_wandb"]
    ]
    key = "over/lay_wandb_delimeter_mine"
    assert json.loads(json.dumps(labels[key])) == told[0][key]


def test_an_image_from_a_file(both: Both, tmp_path: Path) -> None:
    for kind in ("png", "jpg", "gif", "bmp", "webp"):
        path = str(tmp_path / f"picture.{kind}")
        pillow.fromarray(PIXELS).save(path)
        mine, theirs = both.ours({kind: ours.Image(path)}), both.theirs({kind: wandb.Image(path)})
        assert mine == theirs


def others(of: Any, folder: Path) -> dict[str, Any]:
    sound = np.sin(np.arange(800) / 10) * 0.5
    points = np.arange(12.0).reshape(4, 3)
    (folder / "m.pdb").write_text("ATOM")
    (folder / "o.obj").write_text("v 0 0 0")
    (folder / "f.mp4").write_bytes(b"film")
    (folder / "s.wav").write_bytes(b"sound")
    box = of.box3d(center=(0, 0, 0), size=(1, 2, 3), orientation=(1, 2, 0, 1), color=(1, 0, 0))
    return {
        "histogram": of.Histogram([1, 2, 2, 5.5]),
        "histogram of counts": of.Histogram(np_histogram=np.histogram([1, 2, 3], bins=4)),
        "sound": of.Audio(sound, sample_rate=8000, caption="a"),
        "sounds": [of.Audio(sound, sample_rate=8000), of.Audio(sound, 8000, "b")],
        "sound file": of.Audio(str(folder / "s.wav")),
        "film": of.Video(str(folder / "f.mp4"), caption="c"),
        "films": [of.Video(str(folder / "f.mp4"))],
        "molecule": of.Molecule(str(folder / "m.pdb")),
        "molecules": [of.Molecule(str(folder / "m.pdb"), caption="c")],
        "points": of.Object3D(points),
        "object": of.Object3D(str(folder / "o.obj")),
        "objects": [of.Object3D(points), of.Object3D(points + 1)],
        "scene": of.Object3D.from_point_cloud(points=points.tolist(), boxes=[box]),
        "page": of.Html("<h1>Hi</h1>", inject=False),
        "pages": [of.Html("<h1>Hi</h1>", inject=False)],
        "nested": {"page": of.Html("<p>", inject=False)},
        "mixed": [of.Histogram([1, 2]), of.Html("<p>", inject=False)],
    }


def test_other_media(both: Both, tmp_path: Path) -> None:
    row, their_row = others(ours, tmp_path), others(wandb.data_types, tmp_path)
    mine, theirs = both.ours(row), both.theirs(their_row)
    # W&B's nested values and mixed lists are named by their own key alone.
    mine["nested"]["page"]["path"] = mine["nested"]["page"]["path"].replace("nested.", "")
    same(mine, theirs)
    for name in ("molecule", "object", "points", "page", "film", "sound file"):
        assert mine[name]["sha256"] == theirs[name]["sha256"], name
    sound = (both.files / mine["sound"]["path"]).read_bytes()
    their_sound = (Path(both.run.dir) / theirs["sound"]["path"]).read_bytes()
    samples, their_samples = (np.frombuffer(each[44:], "<i2") for each in (sound, their_sound))
    assert sound[:44] == their_sound[:44]
    assert np.abs(samples.astype(int) - their_samples).max() <= 1  # they round otherwise
    scene, their_scene = (
        json.loads((root / told["scene"]["path"]).read_text())
        for root, told in ((both.files, mine), (Path(both.run.dir), theirs))
    )
    assert np.allclose(scene["boxes"][0]["corners"], their_scene["boxes"][0]["corners"])


def test_tables(both: Both) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]})

    def tables(of: Any) -> dict[str, Any]:
        computed = of.Table(columns=["x"], data=[[1], [2]])
        computed.add_computed_columns(lambda _i, row: {"square": row["x"] ** 2})
        computed.add_column("text", ["a", "b"])
        return {
            "rows": of.Table(columns=["a", "b"], data=[[1, "x"], [2.5, "y"]]),
            "array": of.Table(columns=["a", "b"], data=np.eye(2)),
            "frame": of.Table(dataframe=frame),
            "computed": computed,
            "default": of.Table(data=[["in", "out", "expected"]]),
        }

    mine, theirs = both.ours(tables(ours)), both.theirs(tables(wandb))
    same(mine, theirs)
    for name, told in mine.items():
        stored = json.loads((both.files / told["path"]).read_text())
        expected = json.loads((Path(both.run.dir) / theirs[name]["path"]).read_text())
        if name == "frame":
            expected["data"][1][1] = None  # pandas's missing value is NaN in their file
            stored["data"][1][1] = None
        assert stored == expected


def test_what_other_libraries_log(both: Both) -> None:
    pandas = pytest.importorskip("pandas")
    plotly = pytest.importorskip("plotly.graph_objects")
    row = {
        "frame": pandas.DataFrame({"a": [1]}),
        "figure": plotly.Figure(plotly.Scatter(x=np.arange(3), y=[1, 2, 3])),
    }
    mine, theirs = both.ours(row), both.theirs(row)
    same(mine, theirs)
    stored, expected = (
        json.loads((root / told["figure"]["path"]).read_text())
        for root, told in ((both.files, mine), (Path(both.run.dir), theirs))
    )
    assert stored == expected


def test_charts(both: Both) -> None:
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 3, 60), rng.random((60, 3)).round(1)

    def charts(of: Any, table: Any) -> dict[str, Any]:
        columns = table(columns=["x", "y", "s"], data=[[1, 2, "a"], [2, 3, "b"]])
        return {
            "line": of.line(columns, "x", "y", stroke="s", title="t"),
            "scatter": of.scatter(columns, "x", "y"),
            "bar": of.bar(columns, "s", "y", title="bars", split_table=True),
            "histogram": of.histogram(columns, "y"),
            "series": of.line_series([1, 2], [[1, 2], [3, 4]], keys=["a", "b"], xname="epoch"),
            "confusion": of.confusion_matrix(
                probs=scores, y_true=truth, class_names=["a", "b", "c"]
            ),
            "unnamed": of.confusion_matrix(preds=[1, 2, 2], y_true=[1, 1, 2]),
            "roc": of.roc_curve(truth, scores, labels=["a", "b", "c"]),
            "pr": of.pr_curve(truth, scores, classes_to_plot=[0, 2]),
            "own": of.plot_table("me/spec", columns, {"x": "x"}, {"title": "t"}),
        }

    row = charts(plot, ours.Table)
    mine = both.ours(row)
    their_row = charts(wandb.plot, wandb.Table)
    theirs = both.theirs(their_row)
    same(mine, theirs)
    told: dict[str, Any] = {}
    for each in both.config:
        told.update(each["_wandb"]["visualize"])
    assert told == {name: chart.spec.config_value for name, chart in their_row.items()}
    for name, each in mine.items():
        stored = json.loads((both.files / each["path"]).read_text())
        expected = json.loads((Path(both.run.dir) / theirs[name]["path"]).read_text())
        assert stored == expected, name
