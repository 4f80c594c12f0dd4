"""Media in a row of history: W&B's JSON, a file named by its content, pixels that are right."""

from __future__ import annotations

import io
import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_place import Shelf, unpng
from media_place import shelf as shelf

import opensweep
from logging_core.errors import UsageError
from logging_core.media import adopt
from logging_core.media.pixels import picture_size, png
from logging_core.media.place import Place, safe_name

RNG = np.random.default_rng(7)


class Tensor:
    """What is asked of a torch tensor; the real one is in tests/integrations."""

    __module__ = "torch"

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape, self.dtype, self.is_sparse = array.shape, f"torch.{array.dtype}", False

    def __repr__(self) -> str:
        return f"tensor {self.array}"  # parallel workers must agree on the names of tests

    def detach(self) -> Tensor:
        return self

    cpu = float = detach

    def is_floating_point(self) -> bool:
        return self.array.dtype.kind == "f"

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array


def test_an_image_of_an_array(shelf: Shelf) -> None:
    pixels = RNG.integers(0, 256, (5, 7, 3), np.uint8)
    told = shelf.log({"a/b.c": opensweep.Image(pixels, caption="hello", grouping=3)}, step=12)
    (name,) = told
    told = told[name]
    assert re.fullmatch(r"media/images/a/b\.c_12_[0-9a-f]{20}\.png", told["path"])
    content = shelf.bytes(told)
    assert told == {
        "_type": "image-file",
        "caption": "hello",
        "path": told["path"],
        "sha256": __import__("hashlib").sha256(content).hexdigest(),
        "size": len(content),
        "format": "png",
        "width": 7,
        "height": 5,
        "grouping": 3,
    }
    assert told["sha256"][:20] in told["path"]
    assert np.array_equal(unpng(content), pixels)
    assert shelf.saved == [told["path"]]
    assert [path.name for path in shelf.files.rglob(".*")] == []


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 20)])
def test_png_is_lossless(channels: int, size: tuple[int, int]) -> None:
    for pixels in (
        RNG.integers(0, 256, (*size, channels), np.uint8),
        np.full((*size, channels), 255, np.uint8),
        np.arange(size[0] * size[1] * channels, dtype=np.uint8).reshape(*size, channels),
    ):
        assert np.array_equal(unpng(png(pixels)), pixels)
    assert picture_size(png(pixels)) == (size[1], size[0])


GREY = np.array([[0, 51], [102, 255]])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (GREY, GREY),
        (GREY.astype(np.uint16), GREY),
        (GREY.astype(np.float64), GREY),
        (GREY / 255, GREY),
        ((GREY / 255).astype(np.float16), GREY),
        (GREY - 300, [[0, 0], [0, 0]]),
        (GREY + 250, [[250, 255], [255, 255]]),
        (np.array([[True, False]]), [[255, 0]]),
        (np.array([[-1.0, 0.0, 1.0]]), [[0, 128, 255]]),
        (np.array([[-5.0, -5.0]]), [[0, 0]]),
        (np.array([[np.nan, 1.0]]), [[0, 255]]),
        (np.array([[0.5, np.inf]]), [[0, 255]]),
        (np.array([[0.5, 1]], dtype=object), [[128, 255]]),
        (GREY[None], GREY),
        (GREY[:, :, None], GREY),
        (GREY[None, :, :, None], GREY),
        (Tensor(GREY[None] / 255), GREY),
        (Tensor(GREY), GREY),
    ],
    ids=str,
)
def test_arrays_of_all_kinds_become_pixels(shelf: Shelf, data: Any, expected: Any) -> None:
    told = shelf.log({"x": opensweep.Image(data)})["x"]
    assert shelf.pixels(told)[:, :, 0].tolist() == np.array(expected).tolist()


def test_values_are_taken_as_they_are_without_normalize(shelf: Shelf) -> None:
    told = shelf.log({"x": opensweep.Image(np.array([[0.4, 1.0, 300.0, -2.0]]), normalize=False)})
    assert shelf.pixels(told["x"])[0, :, 0].tolist() == [0, 1, 255, 0]


def test_where_the_channels_are(shelf: Shelf) -> None:
    pixels = RNG.integers(0, 256, (6, 8, 3), np.uint8)
    first = pixels.transpose(2, 0, 1)
    for data in (pixels, first, Tensor(first), Tensor(pixels), Tensor(first[None])):
        assert np.array_equal(shelf.pixels(shelf.log({"x": opensweep.Image(data)})["x"]), pixels)


def test_a_batch_is_a_grid(shelf: Shelf) -> None:
    batch = np.stack([np.full((4, 5, 3), number, np.uint8) for number in range(1, 11)])
    for data in (batch, Tensor(batch.transpose(0, 3, 1, 2))):
        grid = shelf.pixels(shelf.log({"x": opensweep.Image(data)})["x"])
        assert grid.shape == (2 * 6 + 2, 8 * 7 + 2, 3)
        assert grid[2:6, 2:7].tolist() == batch[0].tolist()
        assert grid[8:12, 9:14].tolist() == batch[9].tolist()
        assert not grid[:2].any()


@pytest.mark.parametrize(
    "data",
    [np.zeros(3), np.zeros((7, 7, 7)), np.zeros((0, 4)), np.array([["a"]]), np.array(1), object()],
    ids=lambda data: str(getattr(data, "shape", "object")),
)
def test_what_is_no_image_says_so(data: Any) -> None:
    with pytest.raises(UsageError, match="Image"):
        opensweep.Image(data)


def test_what_needs_pillow_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(UsageError, match="pip install pillow"):
        opensweep.Image(np.zeros((2, 2)), file_type="jpg")
    with pytest.raises(UsageError, match="file_type"):
        opensweep.Image(np.zeros((2, 2)), file_type="tiff")


def test_an_image_is_what_it_was_when_it_was_made(shelf: Shelf) -> None:
    pixels = np.zeros((2, 2), np.uint8)
    image = opensweep.Image(pixels)
    pixels[:] = 9
    assert not shelf.pixels(shelf.log({"x": image})["x"]).any()


def test_an_image_of_a_file(shelf: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(png(np.zeros((3, 4, 3), np.uint8)))
    told = shelf.log({"x": opensweep.Image(path), "y": opensweep.Image(str(path))})
    assert (told["x"]["width"], told["x"]["height"], told["x"]["format"]) == (4, 3, "png")
    assert shelf.bytes(told["y"]) == path.read_bytes()
    with pytest.raises(FileNotFoundError):
        opensweep.Image("missing.png")
    with pytest.raises(UsageError, match="download"):
        opensweep.Image("https://example.org/cat.png")


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b"GIF89a" + struct.pack("<HH", 30, 20), (30, 20)),
        (b"BM" + b"\0" * 16 + struct.pack("<ii", 30, -20), (30, 20)),
        (
            b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", 20, 30),
            (30, 20),
        ),
        (b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + b"\x1d\0\0\x13\0\0", (30, 20)),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"\xff\xd8\xff", None),
        (b"text", None),
    ],
)
def test_the_size_of_a_picture(head: bytes, size: Any) -> None:
    assert picture_size(head) == size


def test_a_list_of_images(shelf: Shelf) -> None:
    images = [
        opensweep.Image(np.full((2, 3), n, np.uint8), caption=c) for n, c in ((1, "a"), (2, None))
    ]
    told = shelf.log({"x": images})["x"]
    names = told.pop("filenames")
    assert told == {
        "_type": "images/separated",
        "width": 3,
        "height": 2,
        "format": "png",
        "count": 2,
        "captions": ["a", ""],
    }
    assert [shelf.pixels({"path": name})[0, 0, 0] for name in names] == [1, 2]
    many = shelf.log({"x": [images[0]] * 200})["x"]
    assert many["count"] == opensweep.Image.MAX_ITEMS


def test_boxes_and_masks(shelf: Shelf) -> None:
    box = {
        "position": {"middle": np.array([4, 5]), "width": np.float32(2), "height": 3},
        "domain": "pixel",
        "class_id": np.int64(1),
    }
    mask = np.array([[0, 1], [1, 2]])
    image = opensweep.Image(
        np.zeros((2, 2), np.uint8),
        boxes={"truth": {"box_data": [box], "class_labels": {0: "dog", 1: "cat"}}},
        masks={"mine": {"mask_data": mask}},
        classes=[{"id": 2, "name": "cow"}],
    )
    told = shelf.log({"x": image})["x"]
    assert told["boxes"]["truth"]["_type"] == "boxes2D"
    assert told["boxes"]["truth"]["path"].startswith("media/metadata/boxes2D/x_0_")
    stored = shelf.json(told["boxes"]["truth"])
    assert stored["box_data"][0]["position"] == {"middle": [4, 5], "width": 2.0, "height": 3}
    assert told["masks"]["mine"]["path"].startswith("media/images/mask/x_0_")
    assert shelf.pixels(told["masks"]["mine"])[:, :, 0].tolist() == mask.tolist()
    labels = {k: v for each in shelf.config for k, v in each["_wandb"].items()}
    assert labels["bounding_box/class_labels"]["x_wandb_delimeter_truth"]["value"] == {
        "0": "dog",
        "1": "cat",
    }
    assert labels["mask/class_labels"]["x_wandb_delimeter_mine"]["value"] == {
        "0": "class_0",
        "1": "class_1",
        "2": "class_2",
    }


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("boxes", {"a": {"box_data": [{}]}}, r"boxes\['a'\]\[\"box_data\"\]\[0\] needs a"),
        ("boxes", {"a": {"box_data": [{"position": {"minX": 1}}]}}, "minX, maxX"),
        ("boxes", {"a": {}}, "box_data"),
        ("boxes", [], "dict of names"),
        ("masks", {"a": {"mask_data": np.zeros((2, 2, 2))}}, "2 axes"),
        ("masks", {"a": {"mask_data": np.full((2, 2), 300)}}, "0 to 255"),
        ("masks", {"a": {}}, "mask_data"),
        ("masks", {"a": {"mask_data": np.zeros((2, 2)), "class_labels": {"x": 1}}}, "numbers to"),
    ],
)
def test_wrong_boxes_and_masks_say_where(argument: str, value: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        opensweep.Image(np.zeros((2, 2), np.uint8), **{argument: value})


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("val/loss", "val/loss"),
        ("../../etc/passwd", "__/__/etc/passwd"),
        ("/abs//x/", "abs/x"),
        ("", "_"),
        ("a:b*c?\n\x00", "a_b_c___"),
        ("\ud800", "_"),
        ("日本", "日本"),
    ],
)
def test_a_key_makes_a_safe_name(key: str, name: str) -> None:
    assert safe_name(key) == name


def test_odd_keys_are_stored(shelf: Shelf) -> None:
    for key in ("../x", "a" * 5000, "ü" * 300, "\ud800\n", ".", "", "a/" * 50):
        told = shelf.log({key: opensweep.Html("<p>")})[key]
        path = (shelf.files / told["path"]).resolve()
        assert path.is_file()
        assert shelf.files.resolve() in path.parents


def test_logged_twice_it_is_one_file(shelf: Shelf, tmp_path: Path) -> None:
    image = opensweep.Image(np.zeros((2, 2), np.uint8))
    assert shelf.log({"x": image})["x"] == shelf.log({"y": image}, step=5)["y"]
    assert len(shelf.saved) == 1
    other = Shelf(tmp_path / "other")
    assert other.bytes(other.log({"x": image})["x"])  # and in another run it is its own


def test_nested_rows(shelf: Shelf) -> None:
    row = {"loss": 1.0, "a": {"b": opensweep.Html("<p>"), "n": 1}, "list": [1, 2], "s": "text"}
    told = shelf.log(row)
    assert told["a"]["b"]["path"].startswith("media/html/a.b_0_")
    assert (told["loss"], told["list"], told["s"], told["a"]["n"]) == (1.0, [1, 2], "text", 1)
    assert isinstance(row["a"]["b"], opensweep.Html)  # the script's own dict is left alone
    mixed = shelf.log({"m": [opensweep.Html("<p>"), opensweep.Histogram([1]), 5]})["m"]
    assert [mixed[0]["_type"], mixed[1]["_type"], mixed[2]] == ["html-file", "histogram", 5]


def test_arrays_become_histograms() -> None:
    assert adopt(np.zeros(32)) is None
    assert adopt(np.float32(1)) is None
    assert adopt(np.array(["a"] * 100)) is None
    assert adopt("text") is None
    large = adopt(np.arange(100.0))
    assert isinstance(large, opensweep.Histogram)
    assert len(large.histogram) == 32


@pytest.mark.parametrize(
    "values",
    [[1, 2, 2, 5.5], [3, 3], [], [0.1] * 3, list(RNG.normal(size=1000)), list(range(64))],
    ids=lambda values: f"{len(values)} values",
)
def test_a_histogram_is_numpys(values: list[float]) -> None:
    counts, edges = np.histogram(values, bins=64)
    for given in (values, np.array(values), iter(values), [*map(np.float64, values)]):
        found = opensweep.Histogram(given)
        assert found.histogram == counts.tolist()
        assert np.allclose(found.bins, edges, atol=0, rtol=1e-12)


def test_a_histogram_leaves_out_what_is_not_finite(shelf: Shelf) -> None:
    for given in ([1, np.nan, 2, np.inf], np.array([1, np.nan, 2, -np.inf], np.float32)):
        told = shelf.log({"h": opensweep.Histogram(given, num_bins=2)})["h"]
        assert told == {"_type": "histogram", "values": [1, 1], "bins": [1.0, 1.5, 2.0]}
    assert opensweep.Histogram(np_histogram=([1, 2], [0, 1, 2])).bins == [0, 1, 2]
    for wrong in (
        {"sequence": None},
        {"np_histogram": ([1], [1])},
        {"np_histogram": ([1],)},
        {"sequence": [1], "num_bins": 513},
        {"sequence": ["a"]},
    ):
        with pytest.raises(UsageError):
            opensweep.Histogram(**wrong)


def test_html(shelf: Shelf, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html><head><title>t</title></head></html>")
    for given in (page, str(page), page.read_text(), io.StringIO(page.read_text())):
        told = shelf.log({"p": opensweep.Html(given)})["p"]
        text = shelf.bytes(told).decode()
        assert '<head><base target="_blank">' in text
        assert text.endswith("<title>t</title></head></html>")
    assert shelf.bytes(shelf.log({"p": opensweep.Html("<p>", inject=False)})["p"]) == b"<p>"
    name = shelf.log({"p": opensweep.Html(str(page), inject=False, data_is_not_path=True)})["p"]
    assert shelf.bytes(name).decode() == str(page)
    with pytest.raises(UsageError):
        opensweep.Html(5)


@pytest.mark.parametrize(
    ("samples", "expected", "channels"),
    [
        ([0.0, 0.5, -1.0, 2.0, float("nan")], [0, 16384, -32767, 32767, 0], 1),
        ([1, -2, 40000], [1, -2, 32767], 1),
        ([[0.0, 1.0], [1.0, 0.0]], [0, 32767, 32767, 0], 2),
        (np.array([0.0, 0.5, -1.0, 2.0, np.nan]), [0, 16384, -32767, 32767, 0], 1),
        (np.array([[1, 2], [3, 4]], np.int16), [1, 2, 3, 4], 2),
        (np.array([1 << 16, -(1 << 17)], np.int32), [1, -2], 1),
        (np.array([0, 128, 255], np.uint8), [-32768, 0, 32512], 1),
    ],
    ids=str,
)
def test_sound_is_wav(shelf: Shelf, samples: Any, expected: list[int], channels: int) -> None:
    import wave

    told = shelf.log({"s": opensweep.Audio(samples, sample_rate=100, caption="c")})["s"]
    assert told["path"].startswith("media/audio/s_0_")
    with wave.open(io.BytesIO(shelf.bytes(told))) as sound:
        assert sound.getframerate() == 100
        assert sound.getnchannels() == channels
        found = np.frombuffer(sound.readframes(99), "<i2").tolist()
    assert found == expected


def test_sound_says_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="sample_rate"):
        opensweep.Audio([0.0])
    with pytest.raises(UsageError, match="other way round"):
        opensweep.Audio(np.zeros((2, 1000)), sample_rate=1)


def test_3d(shelf: Shelf, tmp_path: Path) -> None:
    points = np.arange(12).reshape(4, 3)
    told = shelf.log({"o": opensweep.Object3D(points)})["o"]
    assert told["path"].endswith(".pts.json")
    assert shelf.json(told) == points.tolist()
    box = opensweep.box3d(
        center=(1, 2, 3), size=(2, 2, 2), orientation=(1, 0, 0, 0), color=(1, 0, 0), label="b"
    )
    assert box["corners"][0] == (0, 1, 2)
    assert box["corners"][7] == (2, 3, 4)
    scene = shelf.json(shelf.log({"o": opensweep.Object3D.from_point_cloud(points, [box])})["o"])
    assert scene["type"] == "lidar/beta"
    assert scene["boxes"][0]["label"] == "b"
    model = tmp_path / "m.glb"
    model.write_bytes(b"\x00\xff")
    assert shelf.bytes(shelf.log({"o": opensweep.Object3D(str(model))})["o"]) == b"\x00\xff"
    for wrong in (np.zeros((3, 5)), "m.txt", {"type": "x"}, 5):
        with pytest.raises(UsageError):
            opensweep.Object3D(wrong)


def test_other_files(shelf: Shelf, tmp_path: Path) -> None:
    film = tmp_path / "f.mp4"
    film.write_bytes(b"film")
    assert shelf.bytes(shelf.log({"f": opensweep.Video(film)})["f"]) == b"film"
    told = shelf.log({"f": opensweep.Video(io.BytesIO(b"gif"), format="gif", caption="c")})["f"]
    assert (told["path"][-4:], told["caption"]) == (".gif", "c")
    molecule = opensweep.Molecule(io.StringIO("ATOM"), file_type="pdb")
    assert shelf.bytes(shelf.log({"m": molecule})["m"]) == b"ATOM"
    for wrong in (lambda: opensweep.Video("f.txt"), lambda: opensweep.Molecule("x.txt")):
        with pytest.raises(UsageError):
            wrong()
    with pytest.raises(UsageError, match="frames, channels, height, width"):
        opensweep.Video(np.zeros((3, 3)), format="gif")


def test_a_graph(shelf: Shelf) -> None:
    graph = opensweep.Graph()
    one = graph.add_node(id=1, name="conv", class_name="Conv2d")
    graph.add_edge(one, graph.add_node(opensweep.Node(id=2, name="out")))
    stored = shelf.json(shelf.log({"g": graph})["g"])
    assert stored["edges"] == [[1, 2]]
    assert stored["nodes"][0] == {"name": "conv", "id": 1, "class_name": "Conv2d"}
    assert graph[1] is one


def test_a_full_disk_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_one: object, _other: object) -> None:
        raise OSError(28, "No space left on device")

    files = tmp_path / "files"
    page = opensweep.Html("<p>")
    place = Place(files, "x", 0, lambda _path: pytest.fail("nothing was saved"))
    with monkeypatch.context() as patched:
        patched.setattr("logging_core.media.base.os.replace", refuse)
        with pytest.raises(OSError, match="No space"):
            page._opensweep_log_(place)
    assert [path for path in files.rglob("*") if path.is_file()] == []
