// The workers of one fleet: as blocks, and as a table.

import { each, h, mark, say } from "./dom.js";
import { cell, head, row, table } from "./table.js";
import { STATES, UNKNOWN, duration, notes, number, states, tasks } from "./words.js";

/** Blocks beyond which they are drawn smaller. */
const MANY = 24;
/** Blocks beyond which free places are not drawn. */
const MOST = 120;

/** One block a worker by its state, then the places of those that are wanted, and of those that may be. */
export class Blocks {
  constructor() {
    this.row = h("div", { class: "blocks", "aria-hidden": "true" });
    this.caption = h("p", { class: "caption" });
    this.node = h("div", { class: "crew" }, this.row, this.caption);
  }

  update(fleet, workers) {
    const blocks = fleet.workers === null ? [] : places(fleet, workers);
    this.row.classList.toggle("many", blocks.length > MANY);
    each(this.row, blocks, (block) => block.key, block);
    const idle = workers.filter((worker) => worker.state === "running" && worker.running === 0).length;
    const missing = fleet.workers === null ? 0 : blocks.filter((each) => each.kind === "wanted").length;
    say(this.caption, states(fleet.workers, idle) + (missing ? `, ${missing} to come` : ""));
  }
}

function places(fleet, workers) {
  const sorted = [...workers].sort(
    (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || (a.name < b.name ? -1 : 1),
  );
  const here = sorted.map((worker) => ({
    key: worker.name,
    kind: look(worker),
    title: `${worker.name}: ${worker.state}${worker.state === "running" ? `, ${tasks(worker)}` : ""}`,
  }));
  const missing = Math.max(0, (fleet.desired ?? 0) - (fleet.current ?? 0));
  const free = Math.min(MOST, fleet.max_workers) - here.length - missing;
  return [
    ...here,
    ...Array.from({ length: missing }, (_, index) => ({ key: `wanted ${index}`, kind: "wanted", title: "wanted" })),
    ...Array.from({ length: Math.max(0, free) }, (_, index) => ({
      key: `free ${index}`,
      kind: "free",
      title: "may be started",
    })),
  ];
}

function block() {
  const node = h("span");
  return {
    node,
    update({ kind, title }) {
      mark(node, "class", `block ${kind}`);
      mark(node, "title", title);
    },
  };
}

const COLUMNS = {
  Worker: null,
  State: "state",
  For: "number",
  Pid: "number",
  Runs: "runs",
  Holds: "number",
  Note: "note",
  Order: "order",
};

/** The table; `actions(worker)` has the verb of a row's button, and runs it. */
export class WorkerTable {
  constructor(fleet, actions) {
    this.actions = actions;
    const { node, body, heads } = table(`${fleet}: workers`, COLUMNS);
    this.node = node;
    this.body = body;
    this.orders = heads.Order;
  }

  update(workers, now, mayOrder) {
    this.now = now;
    this.orders.hidden = !mayOrder;
    each(
      this.body,
      workers,
      (worker) => worker.name,
      () => this.row(),
    );
    for (const { lastElementChild } of this.body.rows) lastElementChild.hidden = !mayOrder;
  }

  row() {
    const dot = h("span", { "aria-hidden": "true" });
    const state = h("span");
    const name = head(null);
    const [lasted, pid, holds] = ["for", "pid", "holds"].map((label) => cell("number", label));
    const [runs, note] = [cell("runs", "runs"), cell("note", null)];
    const button = h("button", { type: "button", class: "small", onclick: () => this.actions(part.worker).run() });
    const part = {
      node: row(name, cell("state", null, dot, state), lasted, pid, runs, holds, note, cell("order", null, button)),
      update: (worker) => {
        part.worker = worker;
        say(name, worker.name);
        mark(dot, "class", `block ${look(worker)}`);
        say(state, worker.state);
        say(lasted, duration(worker.for_seconds));
        say(pid, worker.pid === null ? "–" : String(worker.pid));
        say(runs, tasks(worker));
        say(holds, worker.reserved === null ? (worker.pid === null ? "–" : UNKNOWN) : number(worker.reserved));
        say(note, notes(worker, this.now).join("; "));
        say(button, this.actions(worker).verb);
        mark(button, "aria-label", `${this.actions(worker).verb} ${worker.name}`);
      },
    };
    return part;
  }
}

/** The class of a worker's block. */
function look(worker) {
  return worker.state === "running" && worker.running === 0 ? "running idle" : worker.state;
}
