/** The bridge, for readers and operators: batches in flight, background schedules, dead letters. */

import { bar, byId, button, chip, h, show } from "./dom.js";
import { alertOf } from "./errors.js";
import { ago, clock, count, words } from "./format.js";
import { repeat, wake } from "./poll.js";
import { tone } from "./syncs.js";

const ROOT = "bridge/api/v1";

/** @param {import("./desk.js").Desk} desk */
export function openBridge(desk) {
  const operator = desk.is("operator");
  if (!operator && !desk.is("reader")) return;
  byId("bridge").hidden = false;
  const note = byId("bridge-note");
  const act = (text, path, body, key) =>
    button(
      text,
      async () => {
        try {
          const answer = await desk.api.post(`${ROOT}/${path}`, { body });
          show(note, h("p", { class: "told", role: "status" }, `${answer.message}.`));
          wake(bell);
        } catch (error) {
          desk.failed(error);
          show(note, alertOf(error));
        }
      },
      { "data-key": key },
    );
  const schedule = (one) =>
    h(
      "li",
      {},
      h("p", {}, h("strong", {}, one.entity_name), " ", chip(one.is_enabled ? (one.last_error ? "warn" : tone(one.state)) : "plain", one.is_enabled ? words(one.state) : "off")),
      bar(Math.floor(one.progress_percent), `Progress of ${one.entity_name}`),
      h("p", { class: "soft" }, `${one.sync_window_start.slice(0, 5)}–${one.sync_window_end.slice(0, 5)} ${one.zone} · ${count(one.current_offset)} rows · `, one.next_run_at ? `looks ${ago(one.next_run_at, Date.now())}` : "not by itself"),
      one.last_error ? h("p", { class: "alert" }, one.last_error) : null,
      operator && one.is_enabled ? h("p", { class: "actions" }, act("Begin a night now", `schedules/${one.uid}/trigger`, { force: true }, `night-${one.uid}`)) : null,
    );
  const batch = (one) =>
    h(
      "li",
      {},
      h("p", {}, h("strong", {}, one.entity_name), " ", chip(tone(one.status), words(one.status))),
      bar(one.total_records ? Math.floor((100 * one.records_processed) / one.total_records) : 0, `Progress of ${one.entity_name}`),
      h("p", { class: "soft" }, `${count(one.records_processed)} of ${count(one.total_records)} rows · since ${clock(one.created_at)}`),
      operator ? h("p", { class: "actions" }, act("Stop", `sync/stop/${one.batch_uid}`, undefined, `stop-${one.batch_uid}`)) : null,
    );
  const look = async () => {
    const [status, schedules, running, letters] = await Promise.all([
      desk.api.get(`${ROOT}/schedules/status`),
      desk.api.get(`${ROOT}/schedules`, { page_size: 20 }),
      desk.api.get(`${ROOT}/sync/history`, { status: "running", page_size: 5 }),
      desk.api.get(`${ROOT}/failed-records`, { page_size: 1 }),
    ]);
    const dead = letters.total;
    show(
      byId("bridge-state"),
      h("p", {}, status.is_running ? chip("good", "scheduler runs") : chip("warn", "scheduler is held"), ` ${count(schedules.total)} ${schedules.total === 1 ? "schedule" : "schedules"}`),
      h("p", {}, `${count(dead)} open dead letters `, dead && operator ? act("Try them again", "sync/retry-failed", {}, "retry-bridge") : null),
    );
    show(byId("bridge-schedules"), ...running.items.map(batch), ...schedules.items.map(schedule));
  };
  const bell = repeat(desk, 8, look, (error) => show(note, alertOf(error)));
}
