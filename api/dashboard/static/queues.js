/** What waits on its way to others: the shop's movements to central, and call-backs to the caller's organisation. */

import { byId, button, chip, figure, h, show } from "./dom.js";
import { alertOf } from "./errors.js";
import { capped, count, duration, words } from "./format.js";
import { repeat, wake } from "./poll.js";

const COUNTED = 100;
const ENDPOINTS = 8;

/** @param {import("./desk.js").Desk} desk */
export function openStoreQueue(desk) {
  const mine = desk.session.store !== null && (desk.is("store") || desk.is("operator"));
  const note = byId("store-note");
  const decide = (movement, decision, text) =>
    button(
      text,
      async () => {
        try {
          await desk.api.post(`store/v1/local/sync/${decision}/${encodeURIComponent(movement.operation_id)}`);
          note.replaceChildren();
          wake(bell);
        } catch (error) {
          desk.failed(error);
          show(note, alertOf(error));
        }
      },
      { "data-key": `${decision}-${movement.operation_id}`, "aria-label": `${text} ${movement.sku}` },
    );
  const trouble = (movement) =>
    h(
      "li",
      {},
      h("p", {}, h("strong", {}, movement.sku), ` ${movement.delta > 0 ? "+" : ""}${movement.delta} `, chip("bad", words(movement.status))),
      h("p", { class: "soft" }, movement.error_message ?? ""),
      h("p", { class: "actions" }, decide(movement, "retry", "Push again"), decide(movement, "discard", "Take back")),
    );
  const look = async () => {
    const health = await desk.api.get("store/health");
    const failed = mine ? (await desk.api.get("store/v1/local/sync/failed", { limit: 50 })).operations : [];
    const open = failed.filter((movement) => movement.completed_at === null);
    show(
      byId("store-queue"),
      h(
        "dl",
        { class: "figures small" },
        figure("Waiting", count(health.queue.waiting), "movements central does not have yet, of all shops"),
        figure("For people", count(health.queue.for_people), "movements that wait for a decision, of all shops"),
        figure("Oldest", duration(health.queue.oldest_seconds)),
        figure("Central", chip(health.components.central.status === "healthy" ? "good" : "warn", words(health.components.central.status))),
      ),
      open.length ? h("ul", { class: "plain letters" }, ...open.slice(0, 6).map(trouble)) : null,
    );
  };
  const bell = repeat(desk, 6, look, (error) => show(note, alertOf(error)));
}

/** @param {import("./desk.js").Desk} desk */
export function openCallbacks(desk) {
  const note = byId("callbacks-note");
  const at = (endpoint, rest) => `marketplace/webhooks/${encodeURIComponent(endpoint.id)}/${rest}`;
  const counted = async (endpoint, state) => (await desk.api.get(at(endpoint, "deliveries"), { state, limit: COUNTED })).deliveries.length;
  const one = async (endpoint) => {
    const [waiting, held, dead] = await Promise.all(["waiting", "held", "dead"].map((state) => counted(endpoint, state)));
    const resume = async () => {
      try {
        await desk.api.post(at(endpoint, "resume"));
        wake(bell);
      } catch (error) {
        desk.failed(error);
        show(note, alertOf(error));
      }
    };
    return h(
      "li",
      {},
      h("p", {}, h("strong", {}, endpoint.event), " ", standing(endpoint)),
      h("p", { class: "soft" }, host(endpoint.targetUrl)),
      h("p", {}, `${capped(waiting, COUNTED)} waiting, ${capped(held, COUNTED)} held, `, h("span", { class: dead ? "bad" : "" }, `${capped(dead, COUNTED)} dead`), ` of ${count(endpoint.lastSequence)}`),
      endpoint.isActive ? null : h("p", { class: "actions" }, button("Send again", resume, { "data-key": `resume-${endpoint.id}` })),
    );
  };
  const look = async () => {
    const found = await desk.api.get("marketplace/webhooks", { organizationId: desk.session.organization });
    const shown = await Promise.all(found.slice(0, ENDPOINTS).map(one));
    const rest = found.length - shown.length;
    show(byId("callbacks"), ...shown, rest > 0 ? h("li", { class: "soft" }, `and ${count(rest)} more`) : null);
    byId("callbacks-empty").hidden = found.length > 0;
  };
  const bell = repeat(desk, 6, look, (error) => show(note, alertOf(error)));
}

function standing(endpoint) {
  if (endpoint.isActive) return chip(endpoint.failingSince ? "warn" : "good", endpoint.failingSince ? "failing" : "active");
  return endpoint.disabledAt ? chip("bad", endpoint.disabledReason ?? "switched off") : chip("warn", "paused");
}

/** Where it goes, without what an address may hide in its path. */
function host(address) {
  try {
    return new URL(address).host;
  } catch {
    return address;
  }
}
