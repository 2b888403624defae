// The last hour of each fleet: samples that the daemon has kept, and what its ticks tell since.

import { ask } from "./daemon.js";

/** Seconds that are shown. */
export const HOUR = 3600;
/** Seconds between two points; the daemon keeps one in so many. */
const PERIOD = 10;

export class History {
  constructor() {
    this.points = [];
    /** Why the samples could not be read; empty when they could. */
    this.trouble = "";
    this.loading = null;
  }

  /** Read what was kept up to now, by the daemon's clock; what the ticks have told meanwhile stays. */
  load(fleet, now) {
    this.loading ??= this.fetch(fleet, now).finally(() => (this.loading = null));
    return this.loading;
  }

  async fetch(fleet, now) {
    try {
      const path = `api/v1/fleets/${encodeURIComponent(fleet)}/samples?limit=1000&since=${Math.max(0, now - HOUR)}`;
      const kept = (await ask(path)).samples.reverse().map(pointOf);
      const samples = kept.filter((point) => point.at <= now);
      const last = samples.at(-1)?.at ?? -Infinity;
      this.points = [...samples, ...this.points.filter((point) => point.at > last)];
      this.trouble = "";
    } catch (error) {
      this.trouble = error.message;
    }
  }

  /** Note a tick: one point in each period stays, and the latest one. */
  note(at, fleet) {
    const point = pointNow(at, fleet);
    while (this.points.at(-1)?.at > at) this.points.pop(); // the daemon's clock was set back
    const before = this.points.at(-2);
    const latest = this.points.at(-1);
    if (latest?.at === at) return;
    if (latest && before && Math.floor(before.at / PERIOD) === Math.floor(latest.at / PERIOD)) this.points.pop();
    this.points.push(point);
    while (this.points.length && this.points[0].at < at - HOUR) this.points.shift();
  }
}

function pointOf(sample) {
  const waiting = sample.ready === null ? null : sample.ready + sample.reserved;
  return {
    at: sample.at,
    waiting,
    running: waiting === null ? null : sample.running,
    workers: sample.workers,
    desired: sample.desired,
    wait: sample.wait,
  };
}

function pointNow(at, fleet) {
  const known = fleet.demand !== null && !fleet.demand.unknown.length;
  return {
    at,
    waiting: known ? fleet.demand.waiting : null,
    running: known ? fleet.demand.running : null,
    workers: fleet.current,
    desired: fleet.desired,
    wait: fleet.expected_wait,
  };
}
