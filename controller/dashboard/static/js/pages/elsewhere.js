/**
 * Addresses that W&B's client prints (`/<entity>/<project>/runs/<id>` and their like), led to the
 * pages that we have for them. Which id a run has here, the server is asked; an address that means
 * nothing here says so. Neighbour: router.js, whose last route leads here.
 */
import { ApiError, get } from "../api.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { useFetch } from "../hooks.js";
import { html, useEffect } from "../html.js";
import { Link, navigate, path, projectPath } from "../router.js";
import { session } from "../session.js";

/** @param {{match: Record<string, string>}} props */
export default function ElsewherePage({ match }) {
  const whole = `${match.entity}/${match.name}`;
  const { data, error } = useFetch(
    () => leadsTo(match.entity, match.name, match.rest ?? ""),
    [whole, match.rest],
  );
  useEffect(() => {
    if (data) navigate(data, { replace: true });
  }, [data]);
  if (error && /** @type {any} */ (error).status === 404)
    return html`<${Empty} title="Nothing is at this address">
      <p>${error.message}</p>
      <p><${Link} href="/">All projects and sweeps<//></p>
    <//>`;
  if (error) return html`<${Failure} error=${error} />`;
  if (data !== "") return html`<${Loading} />`;
  return html`<${Empty} title="There is no such page here">
    <p>
      W&B has a page at this address that opensweep does not have. Go to
      ${" "}<${Link} href=${projectPath(whole)}>${whole}<//>, or to
      ${" "}<${Link} href="/">all projects and sweeps<//>.
    </p>
  <//>`;
}

const RUN_TABS = ["overview", "system", "files", "artifacts"];
/** @type {Record<string, string>} */
const RUN_TABS_OF_OURS = { logs: "console", workspace: "charts" };
const NO_PROJECT = "uncategorized";

/**
 * Our address for one of W&B's; "" where we have none.
 * @param {string} entity @param {string} name of the project @param {string} rest of the path
 * @returns {Promise<string>}
 */
async function leadsTo(entity, name, rest) {
  const [what, id, ...more] = rest.split("/").filter(Boolean);
  if (name === "projects" && !what) return "/";
  if (what === "runs" && id) return runAddress(`${entity}/${name}`, id, more[0]);
  if (what === "sweeps" && id) return path("sweeps", (await get(`/api${path("sweeps", id)}`)).id);
  const project = await projectHere(entity, name);
  switch (what) {
    case undefined:
    case "table":
    case "runs":
    case "sweeps":
      return projectPath(project);
    case "workspace":
      return projectPath(project, "charts");
    case "artifacts":
      return more[0]
        ? path("artifacts", await artifactId(project, more[0], more[1]))
        : projectPath(project, "artifacts");
    case "reports":
    case "reportlist":
      return projectPath(project, "reports");
    default:
      return "";
  }
}

/**
 * The whole name of the project that is meant: as the server writes it, without its own entity; and
 * without any where a script named an entity of W&B's and what it recorded has none.
 * @param {string} entity @param {string} name
 */
async function projectHere(entity, name) {
  const whole = `${entity}/${name}`;
  const query = { project: whole, columns: "project", limit: 1 };
  const found = (await get("/api/runs", query)).columns.project[0];
  const own = (await session()).entity;
  const meant = found ?? (entity === own ? name : whole);
  if (found === undefined) {
    const { projects } = await get("/api/projects");
    if (!projects.some((/** @type {{name: string}} */ each) => each.name === meant))
      throw new ApiError(404, "NotFoundError", `There is no project ${whole} on this server.`);
  }
  return meant === NO_PROJECT ? "" : meant;
}

/** @param {string} project @param {string} id within the project, or here @param {string} [tab] */
async function runAddress(project, id, tab = "") {
  const run = await get(`/api${path("runs", id)}`, { project });
  const ours = RUN_TABS.includes(tab) ? tab : RUN_TABS_OF_OURS[tab];
  return path("runs", run.id) + (ours && ours !== "overview" ? `?tab=${ours}` : "");
}

/** @param {string} project @param {string} collection @param {string} [version] or alias */
async function artifactId(project, collection, version = "latest") {
  const name = `${collection}:${version}`;
  const query = { project: project || NO_PROJECT, name };
  return (await get("/api/artifact", query)).artifact.id;
}
