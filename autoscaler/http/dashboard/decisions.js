// What was decided about one fleet, newest first: read when it is opened, and when there is something new.

import { ask } from "./daemon.js";
import { h, sentence } from "./dom.js";
import { cell, head, row, table } from "./table.js";
import { moment, number } from "./words.js";

const MOST = 50;
const COLUMNS = { When: "when", Workers: "number", Waiting: "number", Running: "number", Why: "why" };

export class Decisions {
  constructor(fleet) {
    this.fleet = fleet;
    const { node, body } = table(`${fleet}: decisions`, COLUMNS);
    this.table = node;
    this.body = body;
    this.note = h("p", { class: "caption", role: "status" });
    this.node = h("div", {}, this.table, this.note);
    /** What the last decision was about when they were read; another one is worth reading them again. */
    this.gist = null;
  }

  async update(fleet, now) {
    const codes = fleet.reasons.map((reason) => reason.code);
    // On another day the same times are written with theirs.
    const gist = JSON.stringify([new Date(now * 1000).toDateString(), fleet.current, fleet.desired, codes]);
    if (gist === this.gist) return;
    this.gist = gist;
    try {
      const { decisions } = await ask(`api/v1/fleets/${encodeURIComponent(this.fleet)}/decisions?limit=${MOST}`);
      this.body.replaceChildren(...decisions.map((decision) => line(decision, now)));
      this.table.hidden = !decisions.length;
      this.note.textContent = decisions.length ? "" : "Nothing has been decided yet.";
    } catch (error) {
      this.gist = null;
      this.note.textContent = `They cannot be read: ${error.message}`;
    }
  }
}

function line(decision, now) {
  const why = decision.reasons.map((reason) => reason.text).join("; ");
  return row(
    head("when", moment(decision.at, now)),
    cell("number", "workers", change(decision)),
    cell("number", "waiting", number(decision.ready + decision.reserved)),
    cell("number", "running", number(decision.running)),
    cell("why", null, sentence(why)),
  );
}

function change({ current, desired }) {
  return current === desired ? String(current) : `${current} → ${desired}`;
}
