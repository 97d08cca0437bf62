/** The caller's own sync: live by a stream while one runs, started, cancelled; and the last ones. */

import { ApiError } from "./api.js";
import { bar, button, byId, chip, figure, h, outward, show } from "./dom.js";
import { alertOf } from "./errors.js";
import { ago, clock, count, duration, sentence, words } from "./format.js";
import { pause, repeat, wake } from "./poll.js";

const IDLE_SECONDS = 5;
const CANCEL_TRIES = 8;
const CANCEL_PAUSE_MS = 500;
const COUNTERS = {
  created: "rows that were new",
  updated: "rows that changed",
  unchanged: "rows that were equal already",
  contested: "left alone because they changed meanwhile; read again at the end",
  failed: "products that could not be used; see dead letters",
  stale: "absent from the export for the first time; not for sale",
  held: "removals held back because the stock shrank suspiciously",
};
const PHASES = {
  queued: "Waiting for a worker",
  starting: "Starting",
  downloading: "Reading the export of CardTrader",
  applying: "Merging into the stock",
  finishing: "Finishing",
  done: "Done",
};

/** @param {string} state */
export function tone(state) {
  if (state === "completed" || state === "active") return "good";
  if (state === "pending" || state === "running" || state === "initial_sync") return "busy";
  if (state === "failed" || state === "error") return "bad";
  return state === "completed_with_errors" || state === "cancelled" ? "warn" : "plain";
}

/** Phase, rate and time left, in one line. @param {any} sync */
export function pace(sync) {
  const parts = [PHASES[sync.phase] ?? sentence(sync.phase)];
  if (sync.total_products) parts.push(`${count(sync.processed)} of ${count(sync.total_products)}`);
  if (sync.rate_per_second) parts.push(`${count(Math.round(sync.rate_per_second))} per second`);
  if (sync.eta_seconds !== null && sync.eta_seconds !== undefined) parts.push(`${duration(sync.eta_seconds)} left`);
  return parts.join(" · ");
}

/** @param {import("./desk.js").Desk} desk */
export function openSyncs(desk) {
  const note = byId("sync-note");
  const act = (text, ask, more) =>
    button(
      text,
      async () => {
        note.replaceChildren();
        try {
          await ask();
          wake(bell);
        } catch (error) {
          desk.failed(error);
          show(note, alertOf(error));
        }
      },
      more,
    );
  const start = act("Start a sync", () => desk.api.post(desk.own("start")), { class: "primary", "data-key": "start" });
  const cancel = act("Cancel the sync", () => stop(desk), { "data-key": "cancel" });
  show(byId("sync-actions"), start, cancel);

  let spoken = "";
  const shown = (sync) => {
    const open = sync.state === "pending" || sync.state === "running";
    start.hidden = open;
    cancel.hidden = !open;
    if (open && document.activeElement === start) cancel.focus();
    if (!open && document.activeElement === cancel) start.focus();
    show(byId("sync-now"), ...(sync.operation_id ? running(sync, open) : never()));
    // Told to a screen reader at each tenth, not at each step.
    const step = open ? `${sentence(sync.phase)}, ${Math.floor(sync.progress_percent / 10) * 10} %` : sentence(sync.state ?? "");
    if (step !== spoken) byId("sync-spoken").textContent = spoken = step;
    return open;
  };

  const follow = async () => {
    const latest = await desk.api.get(desk.own("progress"));
    if (!shown(latest)) return;
    await account();
    for await (const { event, data } of desk.api.events(desk.own("progress", "/stream"))) {
      desk.reached();
      if (event === "progress" && !shown(data)) desk.ring("synced");
      if (event === "error") throw new Error(data.message);
    }
    await Promise.all([account(), recent()]);
  };
  const account = async () => show(byId("account"), ...standing(await desk.api.get(desk.own("status"))));
  const recent = async () => {
    const types = new URLSearchParams([["type", "bulk_sync"], ["type", "periodic_sync"], ["limit", "6"]]);
    const page = await desk.api.get(`${desk.own("operations")}?${types}`);
    show(byId("sync-recent"), ...page.operations.map(entry));
    byId("sync-recent-empty").hidden = page.operations.length > 0;
  };
  const bell = repeat(desk, IDLE_SECONDS, follow, (error) => show(note, alertOf(error)));
  repeat(desk, 15, account, (error) => show(byId("account"), alertOf(error)));
  repeat(desk, 15, recent);
}

/** A sync is shown as soon as it is registered; until its workflow is started there is nothing to cancel. */
async function stop(desk) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await desk.api.post(desk.own("cancel"));
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "SYNC_NOT_FOUND") throw error;
      // Not any more, then: what is shown next tells how it ended.
      if (tries === CANCEL_TRIES) return null;
      await pause(CANCEL_PAUSE_MS, desk.signal);
    }
  }
}

function never() {
  return [h("p", { class: "lead" }, "Never synchronised"), h("p", { class: "soft" }, "Start a sync to bring the whole stock here.")];
}

function running(sync, open) {
  const counters = Object.entries(COUNTERS).filter(([name]) => sync[name] || ["created", "updated", "unchanged"].includes(name));
  return [
    h(
      "p",
      { class: "lead" },
      h("span", { class: "percent" }, open ? `${sync.progress_percent} %` : sentence(sync.state)),
      open ? null : h("span", { class: "soft" }, ` ${ago(sync.completed_at, Date.now())}${sync.dry_run ? ", reported only" : ""}`),
    ),
    bar(sync.progress_percent, "Progress of the sync"),
    h(
      "p",
      { class: "soft pace" },
      h("span", {}, open ? pace(sync) : `${count(sync.processed)} of ${count(sync.total_products)} products`),
      outward(sync.workflow_url, "Workflow in Temporal"),
    ),
    sync.error ? h("p", { class: "alert" }, `${sync.error.message} (${sync.error.code})`) : null,
    h("dl", { class: "figures" }, ...counters.map(([name, hint]) => figure(sentence(name), count(sync[name]), hint))),
  ];
}

function standing(account) {
  const parts = [chip(tone(account.sync_status), words(account.sync_status))];
  if (account.disconnected) parts.push(" ", chip("warn", "disconnected"));
  parts.push(account.last_sync_at ? ` last complete sync ${ago(account.last_sync_at, Date.now())}` : " no complete sync yet");
  if (account.last_error && account.sync_status === "error") parts.push(h("span", { class: "alert" }, account.last_error));
  return parts;
}

function entry(operation) {
  const counts = operation.counts;
  const changed = `${count(counts.created)} new, ${count(counts.updated)} changed`;
  const took = operation.completed_at
    ? duration((Date.parse(operation.completed_at) - Date.parse(operation.created_at)) / 1000)
    : "running";
  return h(
    "tr",
    {},
    h("td", {}, clock(operation.created_at)),
    h("td", {}, operation.type === "bulk_sync" ? "Sync" : "Reconciliation"),
    h("td", {}, chip(tone(operation.state), words(operation.state))),
    h("td", { class: "number" }, took),
    h("td", { class: "wide" }, changed),
  );
}

