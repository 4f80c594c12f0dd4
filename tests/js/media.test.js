/** Media in W&B's JSON taken apart, kinds of files, and what a summary says to people. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  foldersOf,
  isText,
  kindOf,
} from "../../controller/dashboard/static/js/components/file_kinds.js";
import {
  classLabels,
  itemsOf,
  overlaysOf,
  placeOf,
  sceneOf,
  tableFiles,
} from "../../controller/dashboard/static/js/components/media_items.js";
import {
  bestValues,
  mediaOf,
  ownConfig,
  ownSummary,
} from "../../controller/dashboard/static/js/run/logged_values.js";

test("one medium is itself, a list is its members", () => {
  const one = { _type: "image-file", path: "media/images/a.png" };
  assert.deepEqual(itemsOf(one), [one]);
  const list = itemsOf({
    _type: "images/separated",
    filenames: ["media/images/a.png", "b.png"],
    captions: ["first", ""],
    width: 4,
    height: 3,
    all_boxes: [null, { p: { path: "x.json" } }],
  });
  assert.deepEqual(
    list.map((each) => [each.path, each.caption, each.width]),
    [
      ["media/images/a.png", "first", 4],
      ["media/images/b.png", undefined, 4],
    ],
  );
  assert.equal(overlaysOf(list[0]).length, 0);
  assert.deepEqual(overlaysOf(list[1])[0], {
    kind: "boxes",
    name: "p",
    path: "x.json",
    data: null,
  });
});

test("lists of sounds, films, pages and scenes", () => {
  const sound = { _type: "audio-file", path: "s.wav" };
  assert.deepEqual(itemsOf({ _type: "audio", audio: [sound], captions: ["beep"] }), [
    { ...sound, caption: "beep" },
  ]);
  assert.equal(
    itemsOf({ _type: "videos", videos: [{ path: "v.mp4" }], captions: false })[0]._type,
    "video-file",
  );
  assert.equal(
    itemsOf({ _type: "object3D", filenames: ["c.pts.json"] })[0].path,
    "media/object3D/c.pts.json",
  );
  assert.equal(
    itemsOf({ _type: "object3D", objects: [{ path: "k.glb" }], filenames: ["k.glb"] })[0].path,
    "k.glb",
  );
  assert.deepEqual(itemsOf({ _type: "html" }), []);
});

test("boxes stand where they were put, in fractions and in pixels", () => {
  const corners = { position: { minX: 0.25, maxX: 0.5, minY: 0, maxY: 0.5 } };
  assert.deepEqual(placeOf(corners, 100, 40), { x: 25, y: 0, width: 25, height: 20 });
  const middle = { position: { middle: [40, 20], width: 20, height: 10 }, domain: "pixel" };
  assert.deepEqual(placeOf(middle, 100, 40), { x: 30, y: 15, width: 20, height: 10 });
  assert.equal(placeOf({}, 1, 1), null);
});

test("classes have the names that the config keeps, or those that came with the boxes", () => {
  const config = {
    _wandb: { "mask/class_labels": { pic_wandb_delimeter_truth: { value: { 1: "disc" } } } },
  };
  const mask = { kind: /** @type {const} */ ("masks"), name: "truth", path: "m.png", data: null };
  assert.deepEqual(classLabels(config, "pic", mask), { 1: "disc" });
  const boxes = {
    kind: /** @type {const} */ ("boxes"),
    name: "p",
    path: null,
    data: { class_labels: { 2: "dog" } },
  };
  assert.deepEqual(classLabels(null, "pic", boxes), { 2: "dog" });
});

test("points come alone or in a scene", () => {
  assert.deepEqual(sceneOf([[1, 2, 3], [1], "x"]), { points: [[1, 2, 3]], boxes: [] });
  assert.equal(sceneOf({ points: [[0, 0, 0]], boxes: [{}] })?.boxes.length, 1);
  assert.equal(sceneOf({ type: "lidar" }), null);
});

test("a summary in words, without what clients keep there", () => {
  const summary = {
    _wandb: { runtime: 3 },
    loss: { min: 0.1, last: 0.2 },
    val: { pic: { _type: "image-file", width: 4, height: 3, path: "p" } },
    rows: { _type: "table-file", nrows: 5, ncols: 2 },
  };
  assert.deepEqual(ownSummary(summary), {
    loss: { min: 0.1, last: 0.2 },
    val: { pic: "image, 4 × 3" },
    rows: "table, 5 × 2",
  });
  assert.deepEqual(
    mediaOf(summary).map(([key]) => key),
    ["val.pic", "rows"],
  );
  assert.deepEqual(bestValues(summary), [{ name: "loss", kind: "min", value: 0.1, last: 0.2 }]);
  assert.deepEqual(ownConfig({ lr: 1, _wandb: {} }), { lr: 1 });
});

test("files are shown by their kind", () => {
  const kinds = [
    "a.py",
    "b.table.json",
    "c.json",
    "d.md",
    "e.csv",
    "Makefile",
    "f.bin",
    "g.pdf",
    "h.html",
  ].map((name) => kindOf(name));
  assert.deepEqual(kinds, [
    "text",
    "table",
    "json",
    "markdown",
    "table",
    "text",
    "other",
    "pdf",
    "html",
  ]);
  assert.equal(kindOf("x.svg", "image/svg+xml"), "image");
  assert.deepEqual(foldersOf("a/b/c.txt"), ["a/", "a/b/"]);
  assert.equal(isText(new TextEncoder().encode("plain\n")), true);
  assert.equal(isText(Uint8Array.of(80, 75, 0, 4)), false);
});

test("names of JavaScript's own are names like any other", () => {
  const odd = { _type: "constructor", path: "p" };
  assert.deepEqual(itemsOf(odd), [odd]);
  assert.equal(ownSummary({ constructor: odd }).constructor, "constructor");
});

test("a table has files, the parts of one that grew first", () => {
  assert.deepEqual(tableFiles({ _type: "table-file", path: "b" }), ["b"]);
  const grown = { _type: "incremental-table-file", path: "b", previous_increments_paths: ["a"] };
  assert.deepEqual(tableFiles(grown), ["a", "b"]);
  assert.equal(tableFiles({ _type: "table-file" }), null);
  assert.equal(tableFiles({ _type: "image-file", path: "b" }), null);
});
