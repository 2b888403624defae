// The daemon's API: asking, ordering, and following the stream of its ticks. The token goes in a header, never in a
// cookie or an address; it is kept for as long as the tab is open.

const KEY = "autoscaler token";
/** Milliseconds without a byte after which the connection counts as dead; the daemon says something every five seconds. */
const SILENCE = 15_000;
/** Milliseconds to the next try, longer each time. */
const RETRIES = [500, 1000, 2000, 4000];
/** Milliseconds that an answer may take; carrying out an order may wait for a tick. */
const PATIENCE = 20_000;

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

/** What the daemon said against something. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

function headers(given) {
  return given ? { Authorization: `Bearer ${given}` } : {};
}

async function read(answer) {
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, told(body?.detail) || `the daemon answered ${answer.status}`);
  return body;
}

/** FastAPI lists what is wrong with a body. */
function told(detail) {
  return Array.isArray(detail)
    ? detail.map((each) => `${each.loc?.slice(1).join(".")}: ${each.msg}`).join("; ")
    : detail;
}

async function call(path, options) {
  try {
    return await read(await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE), ...options }));
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused(
      0,
      error.name === "TimeoutError" ? "the daemon did not answer in time" : "the daemon does not answer",
    );
  }
}

/** Ask for something. */
export function ask(path) {
  return call(path, { headers: headers(token.get()) });
}

/** Ask who a token makes us, without keeping it; null: without one. */
export function access(given) {
  return call("api/v1/access", { headers: headers(given) });
}

/** Order something, such as `order("fleets", "emails", "pause", {reason: "sale"})`. */
export function order(kind, name, verb, body) {
  return call(`api/v1/${kind}/${encodeURIComponent(name)}/${verb}`, {
    method: "POST",
    headers: { ...headers(token.get()), "X-Autoscaler": "1", "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/**
 * Follows the stream, and comes back to it for ever.
 *
 * `onTick(view)` is told each tick; `onState(state, error)` whether the connection is `open` or `lost`.
 */
export class Stream {
  constructor(onTick, onState) {
    this.onTick = onTick;
    this.onState = onState;
    this.failures = 0;
    this.abort = null;
    this.wake = () => {};
    this.paused = false;
    /** Whether the connection was broken off here, which is no loss. */
    this.broken = false;
    this.run();
  }

  /** Begin anew, at once; with another token, or because somebody looks again. */
  restart() {
    this.paused = false;
    this.failures = 0;
    this.breakOff();
  }

  /** Let go of the connection until `restart`: nobody looks. */
  pause() {
    this.paused = true;
    this.breakOff();
  }

  breakOff() {
    this.broken = true;
    this.abort?.abort();
    this.wake();
  }

  async run() {
    for (;;) {
      this.broken = false;
      if (!this.paused) await this.once().catch((error) => this.broken || this.onState("lost", error));
      if (this.broken && !this.paused) continue;
      const wait = RETRIES[Math.min(this.failures++, RETRIES.length - 1)];
      await new Promise((done) => {
        this.wake = done;
        if (!this.paused) setTimeout(done, wait);
      });
    }
  }

  /** A page that cannot show a tick is no connection that was lost. */
  tell(event) {
    try {
      this.onTick(JSON.parse(event));
    } catch (error) {
      reportError(error);
    }
  }

  async once() {
    this.abort = new AbortController();
    const watchdog = new Watchdog(SILENCE, this.abort);
    try {
      const answer = await fetch("api/v1/stream", {
        headers: headers(token.get()),
        signal: this.abort.signal,
        cache: "no-store",
      });
      if (!answer.ok) await read(answer);
      this.failures = 0;
      this.onState("open");
      let told = 0;
      for await (const event of events(answer.body, () => watchdog.feed())) {
        this.tell(event);
        told++;
      }
      // It ends each one when its config changes: to come again then is no loss.
      if (!told) throw new Refused(0, "the daemon has ended the connection");
    } finally {
      watchdog.end();
    }
  }
}

/** Aborts what has not been fed for so long. */
class Watchdog {
  constructor(patience, abort) {
    this.patience = patience;
    this.abort = abort;
    this.feed();
  }

  feed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.abort.abort(), this.patience);
  }

  end() {
    clearTimeout(this.timer);
  }
}

/** The data of each server-sent event of a body; `alive()` is called for whatever comes. */
async function* events(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const data = block
        .split("\n")
        .filter((each) => each.startsWith("data: "))
        .map((each) => each.slice(6));
      if (data.length) yield data.join("\n");
    }
  }
}
