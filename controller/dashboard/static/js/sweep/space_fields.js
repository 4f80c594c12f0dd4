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
    const inner = parameter?.parameters;
    if (inner && typeof inner === "object") return fieldsOf(inner, `${name}.`);
    const values = parameter?.values ?? ("value" in (parameter ?? {}) ? [parameter.value] : null);
    const options = values?.map(written) ?? null;
    return [{ name, about: about(parameter ?? {}, values), options, values }];
  });
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
