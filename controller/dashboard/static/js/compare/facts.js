/** What is told of a run beside its config and summary, as mappings to compare. Pure. */
import { duration, time } from "../format.js";

/** Metadata that is shown by another name, or is nobody's matter. */
const ELSEWHERE = [
  "name",
  "tags",
  "notes",
  "group",
  "job_type",
  "username",
  "stop_ordered",
  "_wandb",
];

/** @param {any} run as GET /api/runs/{id} gives it */
export function about(run) {
  const said = run.metadata ?? {};
  const until = run.ended ?? run.heard;
  return present({
    State: run.state,
    Created: time(run.created),
    Runtime: run.started && until ? duration(until - run.started) : undefined,
    Steps: run.steps,
    Project: run.project,
    Sweep: run.sweep_id,
    User: said.username,
    Group: said.group,
    "Job type": said.job_type,
    Tags: said.tags?.length ? said.tags.join(", ") : undefined,
    Notes: said.notes,
    "Exit code": run.exit_code,
    "Forked from": run.parent_id,
  });
}

/** Command, code, machine. @param {any} run */
export function origin(run) {
  const said = { ...(run.metadata ?? {}) };
  for (const name of ELSEWHERE) delete said[name];
  const { program, args, git, ...rest } = said;
  const command = program && [program, ...(Array.isArray(args) ? args : [])].join(" ");
  return present({ command, git, ...rest });
}

/** @param {Record<string, any>} values @returns {Record<string, any>} without what is not there */
function present(values) {
  const there = Object.entries(values).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  return Object.fromEntries(there);
}
