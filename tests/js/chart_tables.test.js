// Custom charts from their tables, histograms over steps, and what panels save.
import assert from "node:assert/strict";
import { test } from "node:test";
import { csvText, fileName } from "../../controller/dashboard/static/js/charts/csv.js";
import { SvgPen } from "../../controller/dashboard/static/js/charts/vectors.js";
import { drawingOf } from "../../controller/dashboard/static/js/workspace/chart_tables.js";
import { gridOf, histogramOf } from "../../controller/dashboard/static/js/workspace/histograms.js";

const RUN = { id: "a", name: "brisk-owl", color: "#111111" };
const chart = (spec, fields) => ({ spec, fields, texts: {}, table: "t" });
const table = (columns, ...rows) => ({ columns, rows });

test("lines are drawn for each run and each value of the stroke, by rising x", () => {
  const curves = drawingOf(chart("wandb/line/v0", { x: "x", y: "y", stroke: "s" }), [
    { run: RUN, table: table(["x", "y", "s"], [2, 20, "up"], [1, 10, "up"], [1, null, "down"]) },
    { run: { ...RUN, id: "b", name: "calm-fox" }, table: table(["x", "y", "s"], [1, 1, "up"]) },
  ]).curves;
  assert.deepEqual(
    curves.map(({ label }) => label),
    ["brisk-owl: up", "brisk-owl: down", "calm-fox: up"],
  );
  assert.deepEqual([...curves[0].x], [1, 2]);
  assert.ok(Number.isNaN(curves[1].y[0]));
  assert.notDeepEqual(curves[0].dash, curves[1].dash);
});

test("a confusion matrix counts by actual and predicted class", () => {
  const fields = { Actual: "Actual", Predicted: "Predicted", nPredictions: "nPredictions" };
  const drawing = drawingOf(chart("wandb/confusion_matrix/v1", fields), [
    {
      run: RUN,
      table: table(
        ["Actual", "Predicted", "nPredictions"],
        ["cat", "cat", 3],
        ["cat", "dog", 1],
        ["dog", "cat", 0],
        ["dog", "dog", 5],
      ),
    },
  ]);
  assert.deepEqual(drawing.counts, [
    [3, 1],
    [0, 5],
  ]);
});

test("bars, points and histograms take the columns that their fields name", () => {
  const rows = table(["l", "v"], ["one", 1], ["two", 2.5]);
  assert.deepEqual(
    drawingOf(chart("wandb/bar/v0", { label: "l", value: "v" }), [
      { run: RUN, table: rows },
    ]).items.map(({ label, value }) => [label, value]),
    [
      ["one", 1],
      ["two", 2.5],
    ],
  );
  assert.deepEqual(
    drawingOf(chart("wandb/scatter/v0", { x: "v", y: "v" }), [{ run: RUN, table: rows }]).points[0]
      .y,
    [1, 2.5],
  );
  const counts = drawingOf(chart("wandb/histogram/v0", { value: "v" }), [
    { run: RUN, table: rows },
  ]).values;
  assert.equal(
    counts.reduce((a, b) => a + b),
    2,
  );
  for (const spec of ["me/mine", "toString", "__proto__"])
    assert.equal(drawingOf(chart(spec, {}), [{ run: RUN, table: rows }]).kind, "none");
});

test("histograms become a grid: each column is the newest one, its parts are one in all", () => {
  const rows = [
    { _step: 0, w: { _type: "histogram", values: [1, 1], bins: [0, 1, 2] } },
    {
      _step: 10,
      w: { _type: "histogram", values: [4], packedBins: { min: 2, size: 2, count: 1 } },
    },
  ];
  const { grid, x, y } = gridOf(rows, "w");
  assert.deepEqual([x.low, x.high, y.low, y.high], [0, 10, 0, 4]);
  for (const column of [0, grid.columns - 1]) {
    let sum = 0;
    for (let row = 0; row < grid.rows; row++) sum += grid.values[row * grid.columns + column] || 0;
    assert.ok(Math.abs(sum - 1) < 1e-9);
  }
  assert.ok(Number.isNaN(grid.values[(grid.rows - 1) * grid.columns]), "nothing is high at first");
  assert.equal(histogramOf({ _type: "histogram", values: [1], bins: [0] }), null);
  assert.equal(gridOf([{ _step: 0 }], "w"), null);
});

test("CSV keeps numbers exact, quotes what needs it, and starts no formula", () => {
  const text = csvText([
    ["run", "va,lue"],
    ['a "b"', 0.1],
    ["=cmd()", null],
    ["-x", -1],
  ]);
  assert.equal(text, 'run,"va,lue"\r\n"a ""b""",0.1\r\n\'=cmd(),\r\n\'-x,-1\r\n');
  assert.equal(fileName("train/loss (a)", "csv"), "train_loss_a.csv");
  assert.equal(fileName("../..", "png"), "chart.png");
});

test("a pen of SVG escapes what people wrote, and closes what it opened", () => {
  const pen = new SvgPen();
  pen.save();
  pen.translate(1, 2);
  pen.beginPath();
  pen.rect(0, 0, 5, 5);
  pen.clip();
  pen.fillText('<script>alert("x")</script>', 1, 1);
  pen.restore();
  const markup = pen.finished();
  assert.ok(!markup.includes("<script"));
  assert.equal(markup.match(/<g /g).length, markup.match(/<\/g>/g).length);
});
