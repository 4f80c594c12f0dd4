/** Who is logged in; the pages hide what a role does not allow. */
import { get } from "./api.js";
import { useFetch } from "./hooks.js";

const RANK = ["read", "write", "admin"];
/** @typedef {{user: string, role: string, version: string, entity: string}} Session */
/** @type {Promise<Session> | null} */
let asked = null;

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
