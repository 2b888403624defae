// All fleets on a line each, where there are too many to see them at once.

import { each, h, mark, say } from "./dom.js";
import { cell, head, row, table } from "./table.js";
import { UNKNOWN, duration, number, tags, waiting } from "./words.js";
import { Blocks } from "./workers.js";

/** Fleets up to which their cards are overview enough. */
const FEW = 3;
const COLUMNS = {
  Fleet: null,
  Waiting: "number",
  Running: "number",
  "Expected wait": "number",
  Workers: "number",
  Wanted: "number",
  "Min–max": "number",
  "By state": "crew-cell",
};

export class Overview {
  constructor() {
    const { node, body } = table("All fleets", COLUMNS);
    this.body = body;
    this.node = h("div", { class: "card overview", hidden: true }, node);
  }

  update(fleets, workersOf) {
    this.node.hidden = fleets.length <= FEW;
    if (this.node.hidden) return;
    this.workersOf = workersOf;
    each(
      this.body,
      fleets,
      (fleet) => fleet.name,
      (fleet) => this.line(fleet),
    );
  }

  line({ name }) {
    const marks = h("span", { class: "tags" });
    const [tasks, running, wait, current, desired, bounds] = [
      "waiting",
      "running",
      "wait",
      "workers",
      "wanted",
      "min–max",
    ].map((label) => cell("number", label));
    const blocks = new Blocks();
    return {
      node: row(
        head(null, h("a", { href: `#fleet-${encodeURIComponent(name)}` }, name), marks),
        tasks,
        running,
        wait,
        current,
        desired,
        bounds,
        cell("crew-cell", null, blocks.node),
      ),
      update: (fleet) => {
        each(
          marks,
          tags(fleet),
          (tag) => tag.name,
          ({ name: text, kind }) => ({ node: h("span", { class: `tag ${kind}` }, text), update() {} }),
        );
        say(tasks, waiting(fleet.demand));
        say(running, number(fleet.demand?.running));
        say(wait, duration(fleet.expected_wait));
        say(current, fleet.current === null ? UNKNOWN : String(fleet.current));
        say(desired, fleet.desired === null ? UNKNOWN : String(fleet.desired));
        mark(desired, "class", fleet.desired === fleet.current ? "number" : "number differs");
        say(bounds, `${fleet.min_workers}–${fleet.max_workers}`);
        blocks.update(fleet, this.workersOf(fleet));
      },
    };
  }
}
