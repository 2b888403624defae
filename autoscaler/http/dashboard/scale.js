// Axes: a round number above all values, and full minutes.

/** The next of 1, 2, 5, 10, 20, 50, ... that is not below a value; at least `least`. */
export function roundUp(value, least = 1) {
  let step = least;
  for (let turn = 0; step < value; turn++) step *= turn % 3 === 1 ? 2.5 : 2;
  return step;
}

/** Seconds: the next time that is said in one unit. */
export function roundUpSeconds(value) {
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 604800];
  return steps.find((step) => step >= value) ?? value;
}

/** Full multiples of `step` seconds of this browser's clock within a range. */
export function fullTimes(begin, end, step) {
  const shift = new Date(end * 1000).getTimezoneOffset() * 60;
  const times = [];
  for (let at = Math.ceil((begin - shift) / step) * step + shift; at <= end; at += step) times.push(at);
  return times;
}

/** The index of the point that is nearest to a time; points are in the order of time. */
export function nearest(points, at) {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].at < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - points[low - 1].at < points[low].at - at ? low - 1 : low;
}
