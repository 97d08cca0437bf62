/** How the request limit of the caller's CardTrader account is used: the last two minutes as bars. */

import { byId, h, s, show } from "./dom.js";
import { alertOf } from "./errors.js";
import { count, duration } from "./format.js";
import { repeat } from "./poll.js";
import { heights, windowUse, withSample } from "./series.js";

const LOOK_SECONDS = 2;
const SLOTS = 60;
const KEPT = SLOTS + 30;
const [WIDTH, HEIGHT] = [300, 64];

/** @param {import("./desk.js").Desk} desk */
export function openLimiter(desk) {
  /** @type {import("./series.js").Sample[]} */
  let samples = [];
  const look = async () => {
    const use = await desk.api.get(desk.own("limits"));
    samples = withSample(samples, { at: Date.parse(use.measured_at) / 1000, granted: use.granted }, KEPT);
    const values = windowUse(samples, use.window_seconds);
    const now = values.at(-1) ?? 0;
    const words = `of ${count(use.limit)} requests in the last ${duration(use.window_seconds)}`;
    show(
      byId("limiter"),
      h("p", {}, h("span", { class: "lead" }, count(now)), ` ${words}`),
      chart(heights(values, use.limit, SLOTS), `${count(now)} ${words}; at most ${count(Math.max(0, ...values))} lately`),
      use.wait_seconds >= 1 ? h("p", { class: "alert" }, `CardTrader asked for a pause: ${duration(use.wait_seconds)} left.`) : null,
    );
  };
  repeat(desk, LOOK_SECONDS, look, (error) => show(byId("limiter"), alertOf(error)));
}

/** @param {(number | null)[]} parts @param {string} label */
function chart(parts, label) {
  const step = WIDTH / parts.length;
  const bars = parts.map((part, slot) => {
    const tall = part === null ? 0 : Math.max(1.5, part * (HEIGHT - 4));
    return s("rect", { x: slot * step + 0.75, y: HEIGHT - tall, width: step - 1.5, height: tall, class: part >= 0.9 ? "near" : "" });
  });
  return s(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": label, preserveAspectRatio: "none" },
    s("line", { x1: 0, x2: WIDTH, y1: 2, y2: 2, class: "limit" }),
    s("line", { x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5, class: "ground" }),
    ...bars,
  );
}
