/** How a script or a person gets this version. */
import { Code } from "../components/code.js";
import { html } from "../html.js";

const NONE = "uncategorized";

/** @param {{artifact: Record<string, any>}} props */
export function Usage({ artifact }) {
  const whole = `${artifact.project === NONE ? "" : `${artifact.project}/`}${artifact.name}:v${artifact.version}`;
  const model = artifact.type === "model";
  const script = `import opensweep

run = opensweep.init()
artifact = run.use_artifact(${JSON.stringify(whole)})
path = artifact.download()`;
  const short = `path = run.use_model(${JSON.stringify(whole)})`;
  const reader = `import opensweep

artifact = opensweep.Api().artifact(${JSON.stringify(whole)})
path = artifact.download()`;
  return html`<div class="artifact-usage">
    <section aria-label="In a run"><h2>In a run, which is recorded as its user</h2>
      <${Code} text=${script} label="code of a run" numbers=${false} /></section>
    ${model && html`<section aria-label="As a model"><h2>A model in one line</h2><${Code} text=${short} label="code for a model" numbers=${false} /></section>`}
    <section aria-label="Without a run"><h2>Without a run</h2>
      <${Code} text=${reader} label="code without a run" numbers=${false} /></section>
    <section aria-label="At the command line"><h2>At the command line</h2>
      <${Code} text=${`sweep artifact get ${whole}`} label="command" numbers=${false} /></section>
  </div>`;
}
