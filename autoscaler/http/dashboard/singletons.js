// What runs once beside the fleets, as a table.

import { each, h } from "./dom.js";
import { cell, head, row, table } from "./table.js";
import { duration } from "./words.js";

const COLUMNS = { Name: null, State: "state", For: "number", Pid: "number", Note: "why" };

export class SingletonTable {
  constructor() {
    const { node, body } = table("Singletons", COLUMNS);
    this.node = node;
    this.body = body;
  }

  update(singletons) {
    each(
      this.body,
      singletons,
      ({ name }) => name,
      () => {
        const node = row();
        return { node, update: (singleton) => node.replaceChildren(...cells(singleton)) };
      },
    );
  }
}

function cells(singleton) {
  const state = singleton.state ?? "unknown";
  return [
    head(null, singleton.name),
    cell("state", null, h("span", { class: `block ${state}`, "aria-hidden": "true" }), state),
    cell("number", "for", duration(singleton.for_seconds)),
    cell("number", "pid", singleton.pid === null ? "–" : String(singleton.pid)),
    cell("note why", null, notes(singleton).join("; ")),
  ];
}

function notes(singleton) {
  return [
    singleton.trouble,
    singleton.state === "held" && "stopped by hand",
    singleton.starts_in_seconds !== null && `is started again in ${duration(singleton.starts_in_seconds)}`,
    singleton.outdated && "its settings changed, it gets them with its next start",
    singleton.dry_run && "dry run",
  ].filter(Boolean);
}
