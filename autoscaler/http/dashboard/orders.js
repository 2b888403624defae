// What an operator orders from the page: said first what comes of it, then carried out, then what came of it.

import { Refused, order } from "./daemon.js";
import { h, sentence } from "./dom.js";
import { count, moment } from "./words.js";

/** How long an order may last: as it is sent, as it is shown, and in seconds. */
const LASTS = [
  ["", "until I end it", null],
  ["10m", "10 minutes", 600],
  ["30m", "30 minutes", 1800],
  ["1h", "1 hour", 3600],
  ["2h", "2 hours", 7200],
  ["8h", "8 hours", 28800],
  ["24h", "a day", 86400],
];

/** What can be ordered of a fleet as it is now, as a list of `{verb, run}`. */
export function fleetOrders(fleet, desk) {
  const held = fleet.hold;
  if (held?.kind === "stopped") return [{ verb: "Start", run: () => ask(desk, fleet, START) }];
  const end = held ? [{ verb: "Resume", run: () => ask(desk, fleet, RESUME) }] : [];
  const pause = held?.kind === "paused" ? [] : [{ verb: "Pause", run: () => ask(desk, fleet, PAUSE) }];
  return [...end, ...pause, { verb: "Scale", run: () => ask(desk, fleet, SCALE) }];
}

/** What can be ordered of a worker: to leave, or to come back. */
export function workerOrder(worker, desk) {
  const kind = worker.hold ? RELEASE : DRAIN;
  return { verb: kind.verb, run: () => ask(desk, worker, kind) };
}

const fleets = { kind: "fleets", path: (fleet) => fleet.name };
const workers = { kind: "workers", path: (worker) => worker.name };

const PAUSE = {
  ...fleets,
  verb: "Pause",
  timed: true,
  told: (fleet, { until }) =>
    `${fleet.name} stays at ${size(fleet)}${until}, whatever waits. Workers that crash are replaced.`,
};
const SCALE = {
  ...fleets,
  verb: "Scale",
  timed: true,
  sized: true,
  told: (fleet, { until, workers: wanted }) =>
    `${fleet.name} is kept at ${count(wanted, "worker")}${until}. ${becomes(fleet, wanted)}`,
};
const RESUME = {
  ...fleets,
  verb: "Resume",
  told: (fleet) => `${fleet.name} is sized by its policies again. A worker that has to go finishes what it has.`,
};
const START = {
  ...fleets,
  verb: "Start",
  told: (fleet) => `${fleet.name} is no longer stopped: its workers start as its policies want them.`,
};
const DRAIN = {
  ...workers,
  verb: "Drain",
  timed: true,
  told: (worker, { until }) =>
    `${worker.name} takes no more tasks, finishes what it has, and then stays stopped${until}. It is not replaced meanwhile.`,
};
const RELEASE = {
  ...workers,
  verb: "Release",
  told: (worker) =>
    `${worker.name} is in service again: it starts, or takes tasks again where it has not stopped yet.`,
};

function size(fleet) {
  return fleet.desired === null ? "the size that it has" : count(fleet.desired, "worker");
}

function becomes(fleet, wanted) {
  if (fleet.current === null) return "";
  const more = wanted - fleet.current;
  if (!more) return "That is what it has.";
  if (more > 0) return `${count(more, "worker")} more ${more === 1 ? "is" : "are"} started.`;
  return `${count(-more, "worker")} ${more === -1 ? "is" : "are"} drained: they finish what they have.`;
}

/** The form of one order. `desk` has `now()`, `fresh()`, `done(sentences)` and `locked()`. */
function ask(desk, subject, kind) {
  const title = `${kind.verb} ${kind.path(subject)}`;
  const told = h("p", { class: "told", "aria-live": "polite" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const lasts = h(
    "select",
    { id: "order-for" },
    LASTS.map(([value, name]) => h("option", { value }, name)),
  );
  const reason = h("input", {
    id: "order-reason",
    type: "text",
    maxlength: 200,
    autocomplete: "off",
    placeholder: "shown to everybody who looks",
  });
  const wanted = h("input", {
    id: "order-size",
    type: "number",
    min: subject.min_workers,
    max: subject.max_workers,
    step: 1,
    required: true,
    value: subject.desired ?? subject.min_workers,
  });
  const submit = h("button", { type: "submit", class: "primary" }, title);
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = h(
    "form",
    { onsubmit: send, oninput: preview },
    h("h2", { id: "order-title" }, title),
    kind.sized && field("order-size", `Workers, ${subject.min_workers} to ${subject.max_workers}`, wanted),
    kind.timed && field("order-for", "For", lasts),
    kind.timed && field("order-reason", "Why", reason),
    told,
    problem,
    h("p", { class: "buttons" }, cancel, submit),
  );
  const dialog = h("dialog", { "aria-labelledby": "order-title", onclose: () => dialog.remove() }, form);

  function preview() {
    const seconds = LASTS[lasts.selectedIndex][2];
    const until = seconds === null ? "" : ` until ${moment(desk.now() + seconds, desk.now(), { seconds: false })}`;
    told.textContent = kind.told(subject, { until, workers: wanted.valueAsNumber || 0 });
  }

  async function send(event) {
    event.preventDefault();
    submit.disabled = true;
    problem.hidden = true;
    try {
      if (!desk.fresh()) throw new Refused(409, "what the page shows is old, so it was not sent");
      const body = kind.timed ? { for: lasts.value || null, reason: reason.value.trim() } : {};
      if (kind.sized) body.workers = wanted.valueAsNumber;
      const { said } = await order(kind.kind, kind.path(subject), kind.verb.toLowerCase(), body);
      dialog.close();
      desk.done(said);
    } catch (error) {
      problem.replaceChildren(...sentence(failed(error)));
      problem.hidden = false;
      submit.disabled = false;
      if (error instanceof Refused && error.status === 401) desk.locked();
    }
  }

  preview();
  document.body.append(dialog);
  dialog.showModal();
}

/** Only a refusal says for certain that nothing was done: an answer may be lost, or come too late. */
function failed({ status, message }) {
  return `${status >= 400 && status < 500 ? "It was not done" : "It was not confirmed"}: ${message}`;
}

/** A label and what it is for. */
export function field(id, label, input) {
  return h("p", { class: "field" }, h("label", { for: id }, label), input);
}
