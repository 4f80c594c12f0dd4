/**
 * Where a sweep stands, in numbers and words: how many trials there may be, what makes it go on, who
 * works. Pure. Neighbours: head.js, orders.js, agents_tab.js; opensweep/commands/report.py says the
 * same on a terminal.
 */
import { number } from "../format.js";

/** How many trials it has, whatever became of them. @param {{counts: Record<string, number>}} sweep */
export function known({ counts }) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Whether run_cap leaves no room for another trial. @param {any} sweep */
export function atCap(sweep) {
  return sweep.run_cap !== null && known(sweep) >= sweep.run_cap;
}

/** What makes a finished sweep go on, of what the server will take. @param {any} sweep */
export function waysOn(sweep) {
  if (atCap(sweep))
    return "It goes on if you raise run_cap; a configuration of yours needs room there, too.";
  const exhausted = sweep.reason?.startsWith("every configuration");
  const ways = ["widen its space", "try a configuration of yours"];
  if (sweep.run_cap !== null && !exhausted) ways.unshift("raise run_cap");
  return `It goes on if you ${ways.slice(0, -1).join(", ")}${ways.length > 2 ? "," : ""} or ${ways.at(-1)}.`;
}

/** How many trials there may be: "at most 9", "5, no more will come". @param {any} sweep */
export function mostTrials(sweep) {
  if (sweep.run_cap === null) return sweep.total === null ? "no cap" : number(sweep.total);
  const count = known(sweep);
  return count > sweep.run_cap
    ? `${number(count)}, no more will come (run_cap ${number(sweep.run_cap)})`
    : `at most ${number(sweep.run_cap)}`;
}

/**
 * What a run_cap that is no more than what there is means; "" for one that leaves room.
 * @param {any} sweep @param {number | null} cap
 */
export function capSays(sweep, cap) {
  const count = known(sweep);
  if (cap === null || cap < 1 || cap > count) return "";
  const { queued = 0, preempted = 0, running = 0 } = sweep.counts;
  const waiting = queued + preempted;
  const said = [
    `${plural(count, "trial")} ${count === 1 ? "is" : "are"} there: no more will come.`,
  ];
  if (running) said.push(`${plural(running, "running trial")} may end.`);
  if (waiting)
    said.push(
      `${plural(waiting, "trial")} that ${waiting === 1 ? "waits" : "wait"} will still run, unless you stop ${waiting === 1 ? "it" : "them"}.`,
    );
  return said.join(" ");
}

/** Slots that run a trial; in quarantine none is free, whatever runs. @param {any} agent */
export function busySlots(agent) {
  return agent.quarantined.length ? agent.running.length : (agent.slots ?? 0) - (agent.free ?? 0);
}

/**
 * Which limits no trial keeps, or, where each is kept by some, which ones any trial breaks: "gb at most
 * 2: every trial breaks it, the nearest has 2.4." @param {any} sweep
 */
export function limitsInTheWay({ metrics }) {
  const limits = (metrics ?? []).filter((/** @type {any} */ each) => each.broken > 0);
  const never = limits.filter((/** @type {any} */ each) => each.broken === each.of);
  const said = (never.length ? never : limits).map((/** @type {any} */ each) => {
    const bounds = [
      each.at_least !== null && `at least ${number(each.at_least)}`,
      each.at_most !== null && `at most ${number(each.at_most)}`,
    ].filter(Boolean);
    const what = `${each.name} ${bounds.join(", ")}`;
    if (each.broken < each.of)
      return `${what}: ${number(each.broken)} of ${plural(each.of, "trial")} break it.`;
    if (each.nearest === null) return `${what}: no trial logged it.`;
    return `${what}: every trial breaks it, the nearest has ${number(each.nearest)}.`;
  });
  return said.join(" ");
}

/** @param {number} count @param {string} what */
export function plural(count, what) {
  return `${number(count)} ${what}${count === 1 ? "" : "s"}`;
}
