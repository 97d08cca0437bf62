/** What a chart shows of a counter that is looked at every few seconds. Pure. */

/** @typedef {{at: number, granted: number}} Sample seconds, and requests let through so far */

/** With one more sample; a counter that fell began anew. @param {Sample[]} samples @param {Sample} sample @param {number} keep */
export function withSample(samples, sample, keep) {
  const last = samples.at(-1);
  if (last && sample.at <= last.at) return samples;
  if (last && sample.granted < last.granted) return [sample];
  return [...samples, sample].slice(-keep);
}

/** The counter at a time: on the line between two samples; null before the first. @param {Sample[]} samples @param {number} at */
function countAt(samples, at) {
  const after = samples.findIndex((sample) => sample.at >= at);
  if (after < 0) return samples.at(-1)?.granted ?? null;
  if (samples[after].at === at) return samples[after].granted;
  if (after === 0) return null;
  const [left, right] = [samples[after - 1], samples[after]];
  return left.granted + ((right.granted - left.granted) * (at - left.at)) / (right.at - left.at);
}

/**
 * Requests in the window that ends at each sample; in the part of it that is known, while the series is young.
 * @param {Sample[]} samples @param {number} window seconds
 */
export function windowUse(samples, window) {
  return samples.map(({ at, granted }) => Math.round(granted - (countAt(samples, at - window) ?? samples[0].granted)));
}

/** Heights 0..1 of the last `slots` values, empty ones first. @param {number[]} values @param {number} limit @param {number} slots */
export function heights(values, limit, slots) {
  const shown = values.slice(-slots).map((value) => Math.min(1, Math.max(0, value / limit)));
  return [...new Array(slots - shown.length).fill(null), ...shown];
}
