// One fleet: what it needs, what it has, why, its last hour, its decisions and its workers.

import { Chart } from "./chart.js";
import { Decisions } from "./decisions.js";
import { each, h, line, mark, say, sentence } from "./dom.js";
import { History } from "./history.js";
import { fleetOrders, workerOrder } from "./orders.js";
import { UNKNOWN, count, duration, number, order, tags, waiting } from "./words.js";
import { Blocks, WorkerTable } from "./workers.js";

/** Workers up to which a fleet that is alone shows them without being asked. */
const FEW = 12;
/** Where fifty decisions would put the workers out of sight. */
const NARROW = matchMedia("(max-width: 40rem)");

export class FleetCard {
  /** `desk` carries orders out; `alone`: there is no other fleet. */
  constructor(fleet, desk, alone) {
    this.desk = desk;
    this.history = new History();
    this.loaded = false;
    const id = `title-${fleet.name}`;
    this.tags = h("span", { class: "tags" });
    this.orders = h("p", { class: "orders" });
    this.queues = h("p", { class: "caption" });
    this.hold = h("p", { class: "hold", hidden: true });
    this.facts = ["Waiting", "Running", "Expected wait", "Workers"].map(fact);
    this.blocks = new Blocks();
    this.reasons = h("ul", { class: "reasons" });
    this.chart = new Chart(fleet.name);
    this.decisions = new Decisions(fleet.name);
    this.table = new WorkerTable(fleet.name, (worker) => workerOrder(worker, desk));
    this.workersTitle = h("summary");
    this.past = h(
      "details",
      { open: alone && !NARROW.matches, ontoggle: () => this.tell() },
      h("summary", {}, "Decisions"),
      this.decisions.node,
    );
    this.crew = h(
      "details",
      { open: alone && Object.values(fleet.workers ?? {}).reduce((a, b) => a + b, 0) <= FEW },
      this.workersTitle,
      this.table.node,
    );
    this.node = h(
      "article",
      { class: "card fleet", id: `fleet-${fleet.name}`, tabindex: -1, "aria-labelledby": id },
      h("header", {}, h("h2", { id }, fleet.name, this.tags), this.orders),
      h(
        "div",
        { class: "body" },
        h(
          "div",
          { class: "now" },
          this.queues,
          this.hold,
          h(
            "dl",
            { class: "facts" },
            this.facts.map(({ node }) => node),
          ),
          this.blocks.node,
          h("h3", {}, "Why"),
          this.reasons,
        ),
        this.chart.node,
      ),
      this.past,
      this.crew,
    );
  }

  /** Show a fleet as of a tick. */
  update({ fleet, workers, at, interval, mayOrder }) {
    this.shown = { fleet, at };
    say(
      this.queues,
      `${fleet.queues.length ? fleet.queues.join(", ") : "no queue"} · ${count(fleet.concurrency, "task")} at once each`,
    );
    each(
      this.tags,
      tags(fleet),
      ({ name }) => name,
      ({ name, kind }) => ({ node: h("span", { class: `tag ${kind}` }, name), update() {} }),
    );
    this.showHold(fleet.hold, at, mayOrder);
    this.showFacts(fleet);
    this.blocks.update(fleet, workers);
    const reasons = fleet.reasons.length ? fleet.reasons : [{ text: "Nothing could be decided." }];
    each(
      this.reasons,
      reasons.map((reason, index) => ({ ...reason, index })),
      ({ index }) => index,
      line("li", ({ text }) => sentence(text)),
    );
    this.showOrders(fleet, mayOrder);
    say(this.workersTitle, fleet.workers === null ? "Workers" : `Workers (${workers.length})`);
    this.table.update(workers, at, mayOrder);
    this.history.note(at, fleet);
    if (!this.loaded) this.load(at, interval);
    this.chart.update(this.history.points, at, interval, this.history.trouble);
    this.tell();
  }

  /** Read the last hour anew: some of it may have been missed. */
  forget() {
    this.loaded = false;
  }

  load(at, interval) {
    this.loaded = true;
    this.history.load(this.shown.fleet.name, at).then(() => {
      if (this.history.trouble) this.forget(); // the next tick tries again
      this.chart.update(this.history.points, this.shown.at, interval, this.history.trouble);
    });
  }

  tell() {
    if (this.past.open && this.shown) this.decisions.update(this.shown.fleet, this.shown.at);
  }

  showHold(hold, at, mayOrder) {
    this.hold.hidden = hold === null;
    if (hold === null) return;
    const text = order(hold, at);
    const how = mayOrder ? [] : [". ", h("code", {}, hold.release), " ends that"];
    if (text + how.length !== this.held) this.hold.replaceChildren(text, ...how);
    this.held = text + how.length;
  }

  showFacts(fleet) {
    const [tasks, running, wait, workers] = this.facts;
    tasks.show(waiting(fleet.demand), fleet.demand?.unknown.length ? "at least" : "");
    running.show(number(fleet.demand?.running), "");
    wait.show(duration(fleet.expected_wait), "");
    const bounds = `min ${fleet.min_workers}, max ${fleet.max_workers}`;
    const differs = fleet.desired !== null && fleet.desired !== fleet.current;
    const wanted = fleet.dry_run ? "would want" : "wanted";
    workers.show(
      fleet.current === null ? UNKNOWN : String(fleet.current),
      differs ? `${fleet.desired} ${wanted}, ${bounds}` : bounds,
      differs ? `→ ${fleet.desired}` : "",
    );
  }

  showOrders(fleet, mayOrder) {
    const orders = mayOrder ? fleetOrders(fleet, this.desk) : [];
    const key = orders.map(({ verb }) => verb).join();
    if (key !== this.ordered) {
      this.orders.replaceChildren(
        ...orders.map(({ verb }) => h("button", { type: "button", onclick: () => this.run(verb) }, verb)),
      );
    }
    this.ordered = key;
  }

  run(verb) {
    fleetOrders(this.shown.fleet, this.desk)
      .find((each) => each.verb === verb)
      ?.run();
  }
}

/** A number with its name, and what belongs to it in small. */
function fact(name) {
  const value = h("span", { class: "value" });
  const next = h("span", { class: "next", "aria-hidden": "true" });
  const rest = h("span", { class: "rest" });
  return {
    node: h("div", {}, h("dt", {}, name), h("dd", {}, value, next, rest)),
    show(text, small, then = "") {
      say(value, text);
      mark(value, "title", text === UNKNOWN ? "not known" : null);
      say(next, then);
      say(rest, small);
    },
  };
}
