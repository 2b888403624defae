// The page: what the daemon tells of its last tick, for as long as it tells; and how old it is when it does not.

import { Access } from "./access.js";
import { Stream, token } from "./daemon.js";
import { each, h, line, mark, say, sentence } from "./dom.js";
import { FleetCard } from "./fleet.js";
import { Overview } from "./overview.js";
import { SingletonTable } from "./singletons.js";
import { duration, moment } from "./words.js";

/** Seconds without a tick, and polling intervals, after which the loop counts as hanging. */
const STALE = 15;
const STALE_INTERVALS = 3;
/** Milliseconds out of sight after which the connection is let go. */
const UNSEEN = 60_000;
/** Seconds without ticks after which the last hour is read anew. */
const MISSED = 20;

const place = Object.fromEntries(
  [
    "host",
    "pulse",
    "pulse-text",
    "access",
    "alert",
    "locked",
    "problems",
    "problems-title",
    "problem-list",
    "values",
    "sources",
    "fleets",
    "empty",
    "singletons",
    "footer",
    "outcome",
  ].map((id) => [id, document.getElementById(id)]),
);

/** Whether what is shown is as of now, and what is said where it is not. */
let fresh = false;
let shownAlert;

const seen = { view: null, at: 0, connected: false, error: null, lostAt: null };
const cards = new Map();
const access = new Access(place.access, () => stream.restart());
const desk = {
  now: () => (seen.view?.now ?? 0) + (performance.now() - seen.at) / 1000,
  fresh: () => fresh,
  done: (said) => outcome(said),
  locked: () => look(),
};

const overview = new Overview();
place.fleets.before(overview.node);
const singletonTable = new SingletonTable();
place.singletons.append(singletonTable.node);
place.locked.append(access.form(() => {}));
const stream = new Stream(ticked, connection);
look();
setInterval(showPulse, 1000);
watchSight();

// --- what comes ---

function ticked(view) {
  if (seen.view && seen.view.health.version !== view.health.version) return loadAgain();
  const before = seen.view?.fleets.at;
  const missed =
    before !== undefined &&
    before !== null &&
    view.fleets.at - before > Math.max(MISSED, STALE_INTERVALS * view.health.polling_interval);
  seen.view = view;
  seen.at = performance.now();
  if (missed || seen.lostAt !== null) for (const card of cards.values()) card.forget();
  seen.lostAt = null;
  showPulse();
  show(view);
}

/** Another version of the daemon has another page. The token stays: it is the tab's. */
function loadAgain() {
  stream.pause();
  location.reload();
}

function connection(state, error) {
  seen.connected = state === "open";
  seen.error = error ?? null;
  if (seen.connected) look();
  else if (seen.lostAt === null) seen.lostAt = Date.now() / 1000;
  if (error?.status === 401) {
    if (token.get() === null) stream.pause(); // until somebody has entered it
    look();
  }
  showPulse();
}

/** Ask who we are: it may be told after the tick that it is to show something of. */
async function look() {
  await access.look();
  if (seen.view) show(seen.view);
}

// --- what is shown ---

function show(view) {
  const { fleets, workers, singletons, health } = view;
  say(place.host, health.host);
  showProblems(view.problems);
  each(place.sources, health.sources, (source) => source.name, line("li", source));
  const of = grouped(workers.workers);
  overview.update(fleets.fleets, ({ name }) => of.get(name) ?? []);
  each(
    place.fleets,
    fleets.fleets,
    (fleet) => fleet.name,
    (fleet) => card(fleet, fleets.fleets.length === 1),
  );
  for (const name of cards.keys()) if (!fleets.fleets.some((fleet) => fleet.name === name)) cards.delete(name);
  for (const fleet of fleets.fleets) {
    cards.get(fleet.name).update({
      fleet,
      workers: of.get(fleet.name) ?? [],
      at: fleets.at,
      interval: health.polling_interval,
      mayOrder: access.mayChange && fresh,
    });
  }
  showEmpty(view);
  showSingletons(singletons.singletons);
  showFooter(health);
  document.title = `${view.problems.length ? `(${view.problems.length}!) ` : ""}autoscaler${health.host ? ` – ${health.host}` : ""}`;
}

function card(fleet, alone) {
  const made = new FleetCard(fleet, desk, alone);
  cards.set(fleet.name, made);
  return { node: made.node, update() {} };
}

function grouped(workers) {
  const of = new Map();
  for (const worker of workers) of.set(worker.fleet, [...(of.get(worker.fleet) ?? []), worker]);
  return of;
}

function showProblems(problems) {
  place.problems.hidden = !problems.length;
  say(place["problems-title"], problems.length === 1 ? "1 problem" : `${problems.length} problems`);
  each(
    place["problem-list"],
    problems,
    (text) => text,
    line("li", (text) => sentence(text)),
  );
}

function source({ name, up, error }) {
  return [
    h(
      "span",
      { class: up ? "up" : "down" },
      h("span", { "aria-hidden": "true" }, up ? "✓" : "✗"),
      ` ${name} ${up ? "up" : "down"}`,
    ),
    error ? `: ${error}` : "",
  ];
}

function showEmpty({ fleets, health }) {
  const none =
    fleets.at === null
      ? ["The daemon has not ticked yet."]
      : sentence(
          `There are no fleets yet: write them under \`fleets:\` in \`${health.config_file}\`; it is read again by itself.`,
        );
  place.empty.hidden = fleets.fleets.length > 0;
  if (!place.empty.hidden) place.empty.replaceChildren(...none);
}

function showSingletons(singletons) {
  place.singletons.hidden = !singletons.length;
  singletonTable.update(singletons);
}

function showFooter(health) {
  const tick =
    health.last_tick_seconds === null
      ? ""
      : `A tick every ${duration(health.polling_interval)}, the last one took ${Math.round(health.last_tick_seconds * 1000)} ms. `;
  const read = `${health.config_file}, read ${moment(health.config_read_at, seen.view.fleets.at ?? health.config_read_at)}.`;
  const text = `${tick}${read} autoscaler ${health.version}, up since ${moment(health.started_at, seen.view.fleets.at ?? health.started_at)}.`;
  say(place.footer, text);
}

// --- how old it is ---

function showPulse() {
  const state = pulse();
  mark(place.pulse, "data-state", state.name);
  say(place["pulse-text"], state.text);
  place.locked.hidden = state.name !== "locked";
  place.values.hidden = state.name === "locked";
  place.access.hidden = state.name === "locked";
  if (state.alert !== shownAlert)
    place.alert.replaceChildren(...(state.alert ? [h("p", { class: "alert" }, sentence(state.alert))] : []));
  shownAlert = state.alert;
  const wasFresh = fresh;
  fresh = state.name === "live";
  mark(document.documentElement, "data-old", !fresh && seen.view !== null);
  if (wasFresh && !fresh && seen.view) show(seen.view);
}

/** What the connection is worth just now: a name, a text beside the dot, and what is said above everything. */
function pulse() {
  const { view, error, connected } = seen;
  if (!connected && error === null) return { name: "connecting", text: "Connecting" };
  if (!connected && error.status === 401) return { name: "locked", text: "Locked" };
  const at = view ? (view.fleets.at ?? view.health.started_at) : seen.lostAt;
  const was = view ? "What is below was so then, and may be otherwise now. " : "";
  if (!connected) {
    const who = error.status
      ? `The daemon tells no ticks (${error.message}) since`
      : "The daemon has not answered since";
    return {
      name: "lost",
      text: `No answer since ${moment(at)}`,
      alert: `${who} ${moment(at)}. ${was}This page tries again by itself.`,
    };
  }
  if (view && desk.now() - at > Math.max(STALE, STALE_INTERVALS * view.health.polling_interval)) {
    const text = `No tick since ${moment(at)}`;
    return {
      name: "stale",
      text,
      alert: `The daemon answers, but its loop has not ticked since ${moment(at)}. ${was}Its log says why.`,
    };
  }
  return { name: "live", text: view?.fleets.at ? `Live, ${moment(view.fleets.at)}` : "Live" };
}

// --- orders ---

function outcome(said) {
  const close = h(
    "button",
    { type: "button", class: "small", onclick: () => place.outcome.replaceChildren() },
    "Close",
  );
  place.outcome.replaceChildren(
    h(
      "div",
      {},
      h(
        "div",
        {},
        said.map((text) => h("p", {}, sentence(text))),
      ),
      close,
    ),
  );
}

// --- nobody looks ---

function watchSight() {
  let timer = null;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => stream.pause(), UNSEEN);
    else if (stream.paused) stream.restart();
  });
}
