/** What to do on a server that knows nothing yet. */
import { Code } from "../components/code.js";
import { html } from "../html.js";

const SWEEP = `# sweep.yaml
program: train.py
method: bayes
metric: {name: loss, goal: minimize}
run_cap: 40
parameters:
  lr: {min: 0.001, max: 0.1}
  layers: {values: [2, 4, 8]}
`;
const SCRIPT = `import opensweep

run = opensweep.init(project="first")
for step in range(100):
    run.log({"loss": 1 / (step + 1)})
run.finish()
`;

export function FirstSteps() {
  const here = location.origin;
  const shell = (/** @type {string} */ text) => `export OPENSWEEP_URL=${here}
export OPENSWEEP_API_KEY=YOUR_KEY
${text}`;
  const wandb = `export WANDB_BASE_URL=${here}
export WANDB_API_KEY=YOUR_KEY
python train.py
wandb sweep sweep.yaml
wandb agent ENTITY/PROJECT/ID
`;
  return html`<div class="first-steps">
    <h1>Nothing here yet</h1>
    <p class="quiet">What you run appears on this page by itself. There are three ways to begin.</p>
    <section>
      <h2>Run a sweep</h2>
      <p>Write down what to try, record it, and let every GPU work on it.</p>
      <${Code} text=${SWEEP} label="a sweep file" numbers=${false} />
      <${Code} text=${"sweep create sweep.yaml\nsweep agent ID\n"} label="the commands of a sweep" numbers=${false} />
      <details><summary>From another machine</summary>
        <${Code} text=${shell("sweep agent ID\n")} label="the commands on another machine" numbers=${false} />
      </details>
    </section>
    <section>
      <h2>Log a run</h2>
      <p>Any script, without a sweep.</p>
      <${Code} text=${SCRIPT} label="a script that logs" numbers=${false} />
      <details><summary>From another machine</summary>
        <${Code} text=${shell("python train.py\n")} label="the environment of a script elsewhere" numbers=${false} />
      </details>
    </section>
    <section>
      <h2>Go on with wandb</h2>
      <p>Scripts and agents of W&B work here without a change.</p>
      <${Code} text=${wandb} label="the environment for wandb" numbers=${false} />
      <p class="quiet"><code>sweep server key create NAME</code> makes a key. <code>sweep import-wandb ENTITY/PROJECT</code> brings what you have logged before.</p>
    </section>
  </div>`;
}
