/**
 * Login links, and where one goes after logging in. Pure.
 *
 * A terminal's link ends in `#login=CODE`: a fragment is sent to no server and written to no log.
 */

const MARK = /^#login=([\w-]{16,200})$/;

/** The code in the fragment of an address; "": none. @param {string} hash */
export function codeIn(hash) {
  return MARK.exec(hash)?.[1] ?? "";
}

/**
 * Where `next` leads within these pages; "/" where it would lead elsewhere.
 * @param {string | null} next @param {string} origin
 */
export function wayBack(next, origin) {
  if (!next) return "/";
  try {
    const url = new URL(next, origin);
    if (url.origin !== origin || url.pathname === "/login") return "/";
    return url.pathname + url.search + url.hash;
  } catch {
    return "/";
  }
}
