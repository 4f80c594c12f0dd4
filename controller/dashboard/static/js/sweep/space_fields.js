/**
 * The parameters of a sweep file as fields of a form, and a configuration from what was typed. Pure.
 * The server checks it again. Neighbour: enqueue_dialog.js.
 */

/**
 * @typedef {{name: string, about: string, options: string[] | null, values: any[] | null}} Field
 * `options`: texts of `values`, for a parameter that has a list of them
 */

/**
 * @param {Record<string, any>} parameters of a sweep file @param {string} [above] @returns {Field[]}
 */
export function fieldsOf(parameters, above = "") {
  return Object.entries(parameters).flatMap(([key, parameter]) => {
    const name = above + key;
    const when = parameter?.when ? conditionText(parameter.when) : "";
    const inner = parameter?.parameters;
    if (inner && typeof inner === "object")
      return fieldsOf(inner, `${name}.`).map((field) => ({
        ...field,
        about: both(field.about, when),
      }));
    const values = parameter?.values ?? ("value" in (parameter ?? {}) ? [parameter.value] : null);
    const options = values?.map(written) ?? null;
    return [{ name, about: both(about(parameter ?? {}, values), when), options, values }];
  });
}

/** @param {...string} parts */
const both = (...parts) => parts.filter(Boolean).join(", ");

/**
 * A `when` in words: "only when optimizer is sgd or adam".
 * @param {Record<string, any>} when
 */
export function conditionText(when) {
  const parts = Object.entries(when).map(([name, wanted]) => {
    if (Array.isArray(wanted)) return `${name} is ${wanted.map(written).join(" or ")}`;
    const range = wanted && typeof wanted === "object" && ("min" in wanted || "max" in wanted);
    if (!range) return `${name} is ${written(wanted)}`;
    const least = "min" in wanted ? [`at least ${written(wanted.min)}`] : [];
    const most = "max" in wanted ? [`at most ${written(wanted.max)}`] : [];
    return `${name} is ${[...least, ...most].join(" and ")}`;
  });
  return `only when ${parts.join(" and ")}`;
}

/** @param {Record<string, any>} parameter @param {any[] | null} values */
function about(parameter, values) {
  if (values) return values.length === 1 ? `always ${written(values[0])}` : "";
  if (parameter.min !== undefined && parameter.max !== undefined)
    return `${written(parameter.min)} to ${written(parameter.max)}`;
  if (parameter.mu !== undefined) return `around ${written(parameter.mu)}`;
  return parameter.distribution ?? "";
}

/** @param {any} value */
function written(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * @param {Field[]} fields @param {Record<string, string>} texts by dotted names
 * @returns {Record<string, any>} by dotted names; fields that are empty are left out
 */
export function readConfig(fields, texts) {
  /** @type {Record<string, any>} */
  const config = {};
  for (const field of fields) {
    const text = (texts[field.name] ?? "").trim();
    if (text) config[field.name] = field.values ? fromList(field, text) : read(text);
  }
  return config;
}

/** @param {Field} field @param {string} text */
function fromList(field, text) {
  const place = field.options?.indexOf(text) ?? -1;
  return place >= 0 ? field.values?.[place] : read(text);
}

/** A number or other JSON where it is one, else the text. @param {string} text */
function read(text) {
  const number = Number(text.replace(/^([+-]?)\./, "$10."));
  if (text !== "" && Number.isFinite(number)) return number;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
