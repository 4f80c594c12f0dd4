/** Values as people read them. Pure. */

/** @param {unknown} value a number, or what the API says in its place ("NaN", null) */
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(3).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(5)));
}

/** Any value of a config or summary in one line. @param {unknown} value */
export function value(value) {
  if (typeof value === "string") return value;
  if (typeof value === "number" || value === null || value === undefined) return number(value);
  return JSON.stringify(value) ?? "–";
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const whole = Math.max(Math.round(seconds), 0);
  if (whole < 60) return `${whole}s`;
  const [d, h, m] = [
    Math.floor(whole / 86400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (d) return `${d}d ${h}h`;
  return h ? `${h}h ${m}m` : `${m}m ${whole % 60}s`;
}

/** @param {number | null | undefined} seconds since the epoch */
export function time(seconds) {
  return seconds === null || seconds === undefined
    ? "–"
    : new Date(1000 * seconds).toLocaleString();
}

/** "3m 2s ago". @param {number | null | undefined} seconds since the epoch @param {number} [now] */
export function ago(seconds, now = Date.now() / 1000) {
  if (seconds === null || seconds === undefined) return "–";
  return now - seconds < 1 ? "now" : `${duration(now - seconds)} ago`;
}

/** @param {number | null | undefined} size */
export function bytes(size) {
  if (size === null || size === undefined) return "–";
  let left = size;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (left < 1024) return `${unit === "B" ? left : left.toFixed(1)} ${unit}`;
    left /= 1024;
  }
  return `${left.toFixed(1)} TiB`;
}

/**
 * A nested config with its leaves under dotted names, in order. It has what it was given and nothing
 * else: a name may be "constructor" or "__proto__".
 * @param {Record<string, any>} nested @param {string} [prefix] @returns {Record<string, any>}
 */
export function flat(nested, prefix = "") {
  /** @type {Record<string, any>} */
  const found = Object.create(null);
  for (const [name, each] of Object.entries(nested ?? {})) {
    const whole = prefix ? `${prefix}.${name}` : name;
    const inner = each !== null && typeof each === "object" && !Array.isArray(each);
    if (inner && Object.keys(each).length) Object.assign(found, flat(each, whole));
    else found[whole] = each;
  }
  return found;
}
