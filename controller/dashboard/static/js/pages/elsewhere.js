/**
 * Addresses that W&B's client prints (`/<entity>/<project>/runs/<id>` and their like), led to the
 * pages that we have for them. Which id a run has here, the server is asked; an address that means
 * nothing here says so. Neighbour: router.js, whose last route leads here.
 */
import { get } from "../api.js";
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

/**
 * Our address for one of W&B's; "" where we have none.
 * @param {string} entity @param {string} name of the project @param {string} rest of the path
 * @returns {Promise<string>}
 */
async function leadsTo(entity, name, rest) {
  const [what, ...more] = rest.split("/").filter(Boolean);
  if (name === "projects" && !what) return "/";
  const project = wholeName(entity, name, (await session()).entity);
  switch (what) {
    case undefined:
    case "table":
      return projectPath(project);
    case "workspace":
      return projectPath(project, "charts");
    case "runs":
      return more[0]
        ? path("runs", await runId(`${entity}/${name}`, more[0]))
        : projectPath(project);
    case "sweeps":
      return more[0] ? path("sweeps", (await get(`/api${path("sweeps", more[0])}`)).id) : "/";
    case "artifacts":
      return more[1]
        ? path("artifacts", await artifactId(project, more[1], more[2]))
        : projectPath(project, "artifacts");
    case "reports":
    case "reportlist":
      return projectPath(project, "reports");
    default:
      return "";
  }
}

/** As the server writes it: its own entity is not named. A project of no name is "uncategorized".
 * @param {string} entity @param {string} name @param {string} own */
function wholeName(entity, name, own) {
  return entity === own ? name : `${entity}/${name}`;
}

/** @param {string} project @param {string} id within the project, or here */
async function runId(project, id) {
  return (await get(`/api${path("runs", id)}`, { project })).id;
}

/** @param {string} project @param {string} collection @param {string} [version] or alias */
async function artifactId(project, collection, version = "latest") {
  const name = `${collection}:${version}`;
  return (await get("/api/artifact", { project, name })).artifact.id;
}
