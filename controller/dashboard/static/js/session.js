/** Who is logged in, and the way in and out; the pages hide what a role does not allow. */
import { ApiError, get, post, remove } from "./api.js";
import { useFetch } from "./hooks.js";
import { codeIn, wayBack } from "./way_in.js";

const RANK = ["read", "write", "admin"];
/** @typedef {{user: string, role: string, version: string, entity: string}} Session */
/** @type {Promise<Session> | null} */
let asked = null;
let refusal = "";

/** @returns {Promise<Session>} */
export function session() {
  asked ??= get("/api/session").catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}

/** @returns {{session: Session | undefined, may: (role: "read" | "write" | "admin") => boolean}} */
export function useSession() {
  const { data } = useFetch(session, []);
  return { session: data, may: (role) => RANK.indexOf(data?.role ?? "") >= RANK.indexOf(role) };
}

/** Why the link that one came by logged nobody in; "": none did not. */
export function refused() {
  return refusal;
}

/**
 * Logs in by the code in the address, where there is one; takes it out of the address at once. A
 * code that is used up is no matter to whoever is logged in already.
 * @returns {Promise<boolean>} whether somebody is logged in by it
 */
export async function redeem() {
  const code = codeIn(location.hash);
  if (!code) return false;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    await post("/api/session", { code });
    asked = null;
    return true;
  } catch (error) {
    refusal = error instanceof ApiError ? error.message : String(error);
  }
  await session().catch(() => {}); // nobody: the login page comes, as anywhere
  return false;
}

/** Where the login page leads to. */
export function afterLogin() {
  return wayBack(new URLSearchParams(location.search).get("next"), location.origin);
}

/** Ends the session of this browser. */
export async function logOut() {
  await remove("/api/session");
  location.assign("/login");
}
