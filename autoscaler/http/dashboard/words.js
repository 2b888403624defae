// Numbers, times and orders as people say them. What is not known is "?", never 0.

export const UNKNOWN = "?";

/** States of a worker, in the order in which they are shown. */
export const STATES = ["running", "restoring", "starting", "draining", "stopping", "held", "failed"];

export function number(value) {
  if (value === null || value === undefined) return UNKNOWN;
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

/** `1 worker`, `2 workers`. */
export function count(amount, noun) {
  return `${number(amount)} ${noun}${amount === 1 ? "" : "s"}`;
}

/** Seconds: `0.4 s`, `45 s`, `2 min 5 s`, `3 h 5 min`, `2 d 4 h`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  if (seconds < 9.95 && seconds > 0) return `${Math.max(seconds, 0.1).toFixed(1).replace(/\.0$/, "")} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86400) return two(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return two(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

function two(large, largeUnit, small, smallUnit) {
  return small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`;
}

const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MINUTE = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** A time of day of the daemon's clock, in this browser's zone; with the day where it is another one than `now`'s. */
export function moment(at, now = at, { seconds = true } = {}) {
  const then = new Date(at * 1000);
  const time = (seconds ? TIME : MINUTE).format(then);
  const sameDay = then.toDateString() === new Date(now * 1000).toDateString();
  return sameDay ? time : `${DAY.format(then)} ${time}`;
}

/** How many tasks wait; a part that is not known makes it a lower bound. */
export function waiting(demand) {
  if (!demand) return UNKNOWN;
  return (demand.unknown.length ? "≥ " : "") + number(demand.waiting);
}

/** `6 running (2 idle), 1 draining`. */
export function states(workers, idle = 0) {
  if (workers === null) return "workers unknown";
  const told = STATES.filter((state) => workers[state]).map(
    (state) => `${workers[state]} ${state}${state === "running" && idle ? ` (${idle} idle)` : ""}`,
  );
  return told.join(", ") || "no workers";
}

const ORDERED = {
  paused: () => "Paused",
  size: (hold) => `Kept at ${hold.workers}`,
  stopped: () => "Stopped",
  drained: () => "Taken out of service",
  "by hand": () => "Stopped by hand",
};

/** What an operator ordered: by whom, since and until when, and why. */
export function order(hold, now) {
  const by = hold.by ? ` by ${hold.by}` : "";
  const until = hold.until === null ? "" : `, until ${moment(hold.until, now)}`;
  const boot = hold.this_boot ? ", until the machine starts again" : "";
  const why = hold.reason ? `: ${hold.reason}` : "";
  return `${ORDERED[hold.kind](hold)}${by} since ${moment(hold.since, now)}${until}${boot}${why}`;
}

/** What is to be said of one worker. */
export function notes(worker, now) {
  return [
    worker.failure,
    worker.outdated && "will be replaced, its settings changed",
    worker.resized_to !== null && `its pool was resized to ${worker.resized_to} by hand`,
    worker.scheduled && `${worker.scheduled} for later (ETA)`,
    worker.hold && order(worker.hold, now),
    worker.state !== "held" && worker.pid !== null && worker.unknown,
  ].filter(Boolean);
}

/** What one worker runs: `shop.send ×3 (longest 12 s)`. */
export function tasks(worker) {
  if (worker.running === null) return worker.pid === null ? "" : UNKNOWN;
  if (!worker.running) return "idle";
  return worker.tasks
    .map(({ name, count: times, longest }) => {
      const many = times > 1 ? ` ×${times}` : "";
      const lasts = longest === null ? "" : times > 1 ? ` (longest ${duration(longest)})` : ` (${duration(longest)})`;
      return `${name}${many}${lasts}`;
    })
    .join(", ");
}

/** What stands beside a fleet's name. */
export function tags(fleet) {
  return [
    fleet.trouble && { name: "! trouble", kind: "bad" },
    fleet.hold && {
      name: { paused: "paused", size: `kept at ${fleet.hold.workers}`, stopped: "stopped" }[fleet.hold.kind],
      kind: "held",
    },
    fleet.dry_run && { name: "dry run", kind: "plain" },
  ].filter(Boolean);
}
