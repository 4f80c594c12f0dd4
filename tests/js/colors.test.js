/** The colours of runs: seen on both grounds, told apart by any kind of colour vision. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { colorOf, PALETTE } from "../../controller/dashboard/static/js/colors.js";

/** How linear RGB is seen: Machado, Oliveira and Fernandes 2009, at full severity. */
const VISIONS = {
  most: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const times = (matrix, v) =>
  matrix.map((row) => row.reduce((sum, each, i) => sum + each * v[i], 0));

function linear(color) {
  return [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
}

function lightness(color) {
  const [r, g, b] = linear(color);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [low, high] = [lightness(one), lightness(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** CIE L*a*b* of linear RGB. */
function lab(rgb) {
  const xyz = times(
    [
      [0.4339, 0.3762, 0.1899],
      [0.2126, 0.7152, 0.0722],
      [0.0177, 0.1095, 0.8729],
    ],
    rgb.map((part) => Math.min(Math.max(part, 0), 1)),
  );
  const [x, y, z] = xyz.map((part) =>
    part > 0.008856 ? Math.cbrt(part) : 7.787 * part + 16 / 116,
  );
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** The least difference of any two of some colours, as a kind of vision sees them. */
function closest(colors, vision) {
  const seen = colors.map((color) => lab(times(vision, linear(color))));
  const pairs = seen.flatMap((one, i) => seen.slice(i + 1).map((other) => [one, other]));
  return Math.min(...pairs.map(([one, other]) => Math.hypot(...one.map((v, i) => v - other[i]))));
}

test("each is seen on light and on dark", () => {
  for (const color of PALETTE)
    for (const ground of ["#ffffff", "#12171c"])
      assert.ok(contrast(color, ground) >= 3, `${color} on ${ground}`);
});

test("each is told from the others, whatever colours one sees", () => {
  assert.equal(new Set(PALETTE).size, PALETTE.length);
  for (const [name, vision] of Object.entries(VISIONS)) {
    assert.ok(
      closest(PALETTE.slice(0, 8), vision) > 9,
      `${name}: ${closest(PALETTE.slice(0, 8), vision)}`,
    );
    assert.ok(closest(PALETTE, vision) > 7, `${name}: ${closest(PALETTE, vision)}`);
  }
});

test("a name has always the same colour", () => {
  assert.equal(colorOf("run-1"), colorOf("run-1"));
  const used = new Set(Array.from({ length: 200 }, (_, i) => colorOf(`run-${i}`)));
  assert.equal(used.size, PALETTE.length);
});
