// One fleet's last hour: tasks, workers and wait, one above the other on one axis of time.
//
// A slider lies over it, invisible: so arrow keys, a finger and a screen reader read values as the mouse does.
// Where a value was not known, or nothing was kept, there is a gap.

import { h, say, svg } from "./dom.js";
import { HOUR } from "./history.js";
import { fullTimes, nearest, roundUp, roundUpSeconds } from "./scale.js";
import { count, duration, moment, number } from "./words.js";

const LEFT = 46;
const RIGHT = 10;
const TITLE = 17;
const GAP = 12;
const AXIS = 22;
/** Pixels between two times of the axis, at least. */
const BETWEEN = 62;
/** Seconds between two points beyond which there is a gap, where the daemon ticks more often than that. */
const TORN = 35;

/** From the top down; of the lines of one panel the last one lies above. */
const PANELS = [
  {
    height: 72,
    top: (max) => roundUp(max, 5),
    format: number,
    lines: [
      { key: "running", name: "running" },
      { key: "waiting", name: "waiting", area: true },
    ],
  },
  {
    height: 52,
    top: (max) => roundUp(max, 2),
    format: number,
    steps: true,
    lines: [
      { key: "desired", name: "wanted" },
      { key: "workers", name: "workers", area: true },
    ],
  },
  {
    height: 44,
    top: (max) => roundUpSeconds(max),
    format: duration,
    lines: [{ key: "wait", name: "expected wait", area: true }],
  },
];

export class Chart {
  constructor(fleet) {
    this.fleet = fleet;
    this.points = [];
    this.now = 0;
    this.torn = TORN;
    /** The time that is read; null: none is. */
    this.cursor = null;
    this.drawing = svg("svg", { "aria-hidden": "true", focusable: "false" });
    this.cross = svg("g", { class: "cross" });
    this.readout = h("p", { class: "readout" });
    this.slider = h("input", {
      type: "range",
      min: 0,
      max: 0,
      value: 0,
      class: "reader",
      "aria-label": `${fleet}: values of the last hour`,
      oninput: () => this.read(this.points[this.slider.valueAsNumber]?.at ?? null),
      onfocus: () => this.slider.matches(":focus-visible") && this.read(this.now),
      onblur: () => this.read(null),
      onpointermove: (event) => this.readAt(event),
      onpointerdown: (event) => this.readAt(event),
      onpointerleave: () => this.read(null),
    });
    this.plot = h("div", { class: "plot" }, this.drawing, legends(), this.slider);
    this.node = h("figure", { class: "chart" }, h("figcaption", {}, "Last hour"), this.plot, this.readout);
    this.width = 0;
    new ResizeObserver(([entry]) => this.resize(Math.floor(entry.contentRect.width))).observe(this.plot);
    /** Whether somebody could see it: with many fleets most charts are not worth drawing. */
    this.inSight = false;
    new IntersectionObserver(([entry]) => this.look(entry.isIntersecting), { rootMargin: "300px" }).observe(
      this.plot,
    );
  }

  update(points, now, interval, trouble) {
    this.points = points;
    this.now = now;
    this.torn = Math.max(TORN, 3 * interval);
    this.trouble = trouble;
    this.draw();
  }

  look(inSight) {
    this.inSight = inSight;
    this.draw();
  }

  resize(width) {
    if (width === this.width) return;
    this.width = width;
    this.draw();
  }

  // --- reading ---

  readAt(event) {
    if (!this.points.length) return;
    const box = this.plot.getBoundingClientRect();
    this.read(this.points[nearest(this.points, this.timeAt(event.clientX - box.left))].at);
  }

  read(at) {
    this.cursor = at;
    this.point();
  }

  /** Show the values at the cursor: the cross, the line below, and what a screen reader says. */
  point() {
    const index = this.cursor === null || !this.points.length ? -1 : nearest(this.points, this.cursor);
    const point = this.points[index];
    this.cross.replaceChildren(...(point && this.panels ? this.marks(point) : []));
    say(
      this.readout,
      point ? told(point, this.now) : this.trouble ? `What was kept cannot be read: ${this.trouble}` : " ",
    );
    this.slider.max = Math.max(0, this.points.length - 1);
    this.slider.valueAsNumber = index < 0 ? this.points.length - 1 : index;
    const spoken = point ?? this.points.at(-1);
    this.slider.setAttribute("aria-valuetext", spoken ? told(spoken, this.now) : "nothing is known yet");
  }

  marks(point) {
    const x = this.xOf(point.at);
    const marks = [svg("line", { x1: x, x2: x, y1: TITLE, y2: this.bottom })];
    for (const { lines, base, height, max } of this.panels) {
      for (const { key } of lines.filter((each) => point[each.key] !== null)) {
        marks.push(svg("circle", { cx: x, cy: base - (point[key] / max) * height, r: 3, class: key }));
      }
    }
    return marks;
  }

  // --- drawing ---

  xOf(at) {
    return LEFT + ((at - this.now + HOUR) / HOUR) * (this.width - LEFT - RIGHT);
  }

  timeAt(x) {
    return this.now - HOUR + ((x - LEFT) / (this.width - LEFT - RIGHT)) * HOUR;
  }

  draw() {
    if (!this.width || !this.now || !this.inSight) return;
    this.panels = this.laidOut();
    this.bottom = this.panels.at(-1).base;
    const height = this.bottom + AXIS;
    this.drawing.setAttribute("width", this.width);
    this.drawing.setAttribute("height", height);
    this.drawing.replaceChildren(...this.times(), ...this.panels.flatMap((panel) => this.panel(panel)), this.cross);
    this.point();
  }

  laidOut() {
    return PANELS.map((panel, index) => {
      const base = topOf(index) + TITLE + panel.height;
      const values = this.points.flatMap((point) => panel.lines.map(({ key }) => point[key] ?? 0));
      return { ...panel, base, max: panel.top(Math.max(0, ...values)) };
    });
  }

  times() {
    const room = this.width - LEFT - RIGHT;
    const step = [300, 600, 900, 1200, 1800, 3600].find((each) => (each / HOUR) * room >= BETWEEN) ?? HOUR;
    return fullTimes(this.now - HOUR, this.now, step)
      .flatMap((at) => {
        const x = this.xOf(at);
        const text = svg("text", { x, y: this.bottom + 16, class: "time" }, moment(at, at, { seconds: false }));
        return [
          svg("line", { x1: x, x2: x, y1: TITLE, y2: this.bottom + 4, class: "tick" }),
          x > this.width - 16 ? null : text,
        ];
      })
      .filter(Boolean);
  }

  panel({ lines, base, height, max, format, steps }) {
    const right = this.width - RIGHT;
    const yOf = (value) => base - (value / max) * height;
    return [
      svg("line", { x1: LEFT, x2: right, y1: base - height, y2: base - height, class: "grid" }),
      svg("line", { x1: LEFT, x2: right, y1: base, y2: base, class: "base" }),
      svg("text", { x: LEFT - 7, y: base - height + 4, class: "value" }, format(max)),
      svg("text", { x: LEFT - 7, y: base + 1, class: "value" }, "0"),
      ...lines.flatMap(({ key, area }) => this.line(key, area, yOf, steps, base)),
    ];
  }

  line(key, area, yOf, steps, base) {
    const runs = this.runs(key).map((run) => run.map(({ at, value }) => [this.xOf(at), yOf(value)]));
    const outline = runs.map((run) => path(run, steps)).join("");
    const below = runs.map((run) => `${path(run, steps)}V${base}H${run[0][0].toFixed(1)}Z`).join("");
    return [
      area && outline && svg("path", { d: below, class: `area ${key}` }),
      outline && svg("path", { d: outline, class: `line ${key}` }),
    ].filter(Boolean);
  }

  /** The stretches in which a value was known without a gap. */
  runs(key) {
    const runs = [];
    let run = null;
    let last = -Infinity;
    for (const point of this.points) {
      if (point[key] === null || point[key] === undefined || point.at - last > this.torn) run = null;
      if (point[key] !== null && point[key] !== undefined) {
        if (!run) runs.push((run = []));
        run.push({ at: point.at, value: point[key] });
      }
      last = point.at;
    }
    return runs;
  }
}

function path(run, steps) {
  const [[x, y], ...rest] = run;
  const start = `M${x.toFixed(1)} ${y.toFixed(1)}`;
  // A point that stands alone is a dot, by a round line cap.
  if (!rest.length) return `${start}h0.1`;
  return (
    start +
    rest
      .map(([nextX, nextY]) =>
        steps ? `H${nextX.toFixed(1)}V${nextY.toFixed(1)}` : `L${nextX.toFixed(1)} ${nextY.toFixed(1)}`,
      )
      .join("")
  );
}

function told(point, now) {
  const waiting =
    point.waiting === null ? "demand unknown" : `${number(point.waiting)} waiting, ${number(point.running)} running`;
  const workers =
    point.workers === null ? "workers unknown" : `${count(point.workers, "worker")}, ${number(point.desired)} wanted`;
  return `${moment(point.at, now)}: ${waiting}; ${workers}; wait ${point.wait === null ? "unknown" : duration(point.wait)}`;
}

function topOf(index) {
  return PANELS.slice(0, index).reduce((y, { height }) => y + TITLE + height + GAP, 0);
}

/** What each panel's lines are, above it. */
function legends() {
  return PANELS.map(({ lines }, index) => {
    const node = h(
      "p",
      { class: "legend" },
      [...lines].reverse().map(({ key, name }) => h("span", {}, sample(key), name)),
    );
    node.style.top = `${topOf(index)}px`;
    return node;
  });
}

function sample(key) {
  return svg(
    "svg",
    { width: 18, height: 10, "aria-hidden": "true" },
    svg("path", { d: "M1 5H17", class: `line ${key}` }),
  );
}
