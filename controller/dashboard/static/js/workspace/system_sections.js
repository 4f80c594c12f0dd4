/**
 * The sections of what a machine did: by what was measured, not by the dots and slashes in W&B's names
 * of it ("system.disk./.usagePercent"). Pure. Neighbour: layout.js.
 */

/** @type {[RegExp, string][]} the first that fits counts */
const SECTIONS = [
  [/^gpu\./, "GPU"],
  [/^(tpu|trn|ipu|npu|xpu)\b/, "Accelerators"],
  [/^proc\./, "Process"],
  [/^cpu\b/, "CPU"],
  [/^memory/, "Memory"],
  [/^disk\b/, "Disk"],
  [/^network\b/, "Network"],
];

/** Of a metric of the machine; null: it is none. @param {string} key */
export function systemSection(key) {
  if (!key.startsWith("system.")) return null;
  const name = key.slice("system.".length);
  return SECTIONS.find(([pattern]) => pattern.test(name))?.[1] ?? "System";
}
