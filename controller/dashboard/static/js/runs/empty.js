/** What the runs table says where there is nothing to show, and what to do then. */
import { Empty } from "../components/states.js";
import { html } from "../html.js";

/** @param {{onClear: () => void}} props */
export function NoneFit({ onClear }) {
  return html`<${Empty} title="No run fits">
    <p>No run of this project fits the search and the filter.</p>
    <button type="button" class="primary" onClick=${onClear}>Clear search and filter</button>
  <//>`;
}

/** @param {{project: string}} props */
export function NoRuns({ project }) {
  const name = JSON.stringify(project.slice(project.lastIndexOf("/") + 1) || "my-project");
  // Whole texts: a template drops the line breaks beside its values.
  const ours = `import opensweep

run = opensweep.init(project=${name}, config={"lr": 0.1})
for step in range(100):
    run.log({"loss": 1 / (step + 1)})`;
  const theirs = `export WANDB_BASE_URL=${location.origin}
export WANDB_API_KEY=…    # sweep server key create YOUR_NAME
python train.py`;
  return html`<${Empty} title="No runs yet">
    <p>Log the first one, and it shows here by itself:</p>
    <pre class="example">${ours}</pre>
    <p>Scripts that use <code>wandb</code> run as they are: say where this server is, and give a key of yours.</p>
    <pre class="example">${theirs}</pre>
    <p class="quiet">On another machine, <code>OPENSWEEP_URL</code> and <code>OPENSWEEP_API_KEY</code> say the same
      to <code>import opensweep</code>.</p>
  <//>`;
}
