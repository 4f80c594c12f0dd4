/**
 * The server's JSON API, as the pages ask it. Errors come as ApiError, with the server's sentence.
 * Nobody logged in (401): listeners of `onLoggedOut` are told.
 */
import { frozen, frozenAnswer, frozenSeries, question } from "./source.js";

/** What went wrong, in the server's words. */
export class ApiError extends Error {
  /**
   * @param {number} status of HTTP; 0: the server could not be reached
   * @param {string} kind the name of the error in sweeps/errors.py
   * @param {string} message
   * @param {Record<string, any>} [details] what else the server says; of a file: line, key_path …
   */
  constructor(status, kind, message, details = {}) {
    super(message);
    this.status = status;
    this.kind = kind;
    this.details = details;
  }
}

/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {() => void} listener @returns {() => void} takes it back */
export function onLoggedOut(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * @typedef {Record<string, string | number | boolean | null | undefined | string[]>} Params
 * null, undefined and "" are left out; a list gives its name once for each member
 * @typedef {{signal?: AbortSignal}} Options
 */

/** @param {string} path @param {Params} [params] @param {Options} [options] @returns {Promise<any>} */
export async function get(path, params, options) {
  return (await send("GET", address(path, params), undefined, options)).json();
}

/** @param {string} path @param {unknown} [body] @param {Options} [options] @returns {Promise<any>} */
export async function post(path, body, options) {
  return answer(await send("POST", path, body ?? {}, options));
}

/** @param {string} path @param {unknown} [body] @param {Options} [options] @returns {Promise<any>} */
export async function put(path, body, options) {
  return answer(await send("PUT", path, body ?? {}, options));
}

/** @param {string} path @param {Options} [options] @returns {Promise<any>} */
export async function remove(path, options) {
  return answer(await send("DELETE", path, undefined, options));
}

/**
 * @typedef {{run: string, key: string, n: number, bin: number, keep: number, cursor: string,
 *   x: Float64Array, y: Float64Array}} Series  see sweeps/protocol/series.py
 */

/**
 * Series for charts: run by run, and of each key by key.
 * @param {{runs: string[], keys: string[], x?: string, from?: number, to?: number, points?: number,
 *   kind?: "history" | "system", after?: string[]}} query
 * @param {Options} [options]
 * @returns {Promise<Series[]>}
 */
export async function series(query, options) {
  if (frozen) return frozenSeries(query, unpackSeries);
  const response = await send("POST", "/api/series", query, options);
  return unpackSeries(await response.arrayBuffer());
}

/** @param {ArrayBuffer} buffer @returns {Series[]} */
export function unpackSeries(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const listed = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))).series;
  let at = 4 + length;
  for (const each of listed) {
    each.x = new Float64Array(buffer, at, each.n);
    each.y = new Float64Array(buffer, at + 8 * each.n, each.n);
    at += 16 * each.n;
  }
  return listed;
}

/** @param {string} path @param {Params} [params] @returns {string} */
export function address(path, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (Array.isArray(value)) for (const each of value) query.append(name, each);
    else if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/**
 * @param {string} method @param {string} url @param {unknown} body @param {Options} [options]
 * @returns {Promise<Response>}
 */
async function send(method, url, body, options = {}) {
  /** @type {RequestInit} */
  const request = { method, signal: options.signal ?? null };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers = { "Content-Type": "application/json" };
  }
  let response;
  try {
    response = frozen ? await frozenAnswer(question(method, url, body)) : await fetch(url, request);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "Unreachable", "the server cannot be reached");
  }
  if (response.ok) return response;
  if (response.status === 401) for (const listener of listeners) listener();
  throw await told(response);
}

/** @param {Response} response */
async function answer(response) {
  return response.status === 204 ? null : response.json();
}

/** @param {Response} response @returns {Promise<ApiError>} */
async function told(response) {
  let said;
  try {
    said = (await response.json()).error;
  } catch {
    said = null;
  }
  const message = said?.message ?? `the server answered ${response.status}`;
  return new ApiError(response.status, said?.kind ?? "HTTP", message, said ?? {});
}
