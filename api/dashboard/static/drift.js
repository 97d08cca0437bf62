/** The latest drift report: what a reconciliation found different, and why. */

import { byId, button, figure, h, show } from "./dom.js";
import { alertOf } from "./errors.js";
import { ApiError } from "./api.js";
import { ago, brief, count, money, sentence, words } from "./format.js";
import { repeat, wake } from "./poll.js";

const SHOWN = 6;
const CAUSES = {
  missed_webhook: "a webhook was missed",
  edited_on_cardtrader: "edited on CardTrader",
  write_failed: "our write failed",
  job_item_refused: "CardTrader refused it",
  unknown: "cause unknown",
};

/** @param {import("./desk.js").Desk} desk */
export function openDrift(desk) {
  const note = byId("drift-note");
  const compare = button(
    "Compare now",
    async () => {
      note.replaceChildren();
      try {
        await desk.api.post(desk.own("sync-from-cardtrader"), { query: { dry_run: true } });
        show(note, h("p", { class: "told", role: "status" }, "Both stocks are compared; nothing is changed."));
        wake(bell);
      } catch (error) {
        desk.failed(error);
        show(note, alertOf(error));
      }
    },
    { "data-key": "compare" },
  );
  show(byId("drift-actions"), compare);
  const look = async () => {
    try {
      show(byId("drift"), ...report(await desk.api.get(desk.own("drift"), { limit: SHOWN })));
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      show(byId("drift"), h("p", { class: "soft" }, "Nothing was compared yet."));
    }
  };
  const bell = repeat(desk, 20, look, (error) => show(note, alertOf(error)));
  desk.on("synced", () => wake(bell));
}

function report(found) {
  const { equal, corrected, missing, extra, missed_orders } = found.summary;
  const differing = corrected + missing + extra;
  const told = differing ? `${count(differing)} of ${count(equal + differing)} rows differed` : `${count(equal)} rows, no difference`;
  const when = found.completed_at ? ago(found.completed_at, Date.now()) : "running";
  const hints = { corrected: "other values than CardTrader's", missing: "CardTrader lacks them", extra: "only CardTrader had them" };
  return [
    h("p", {}, h("strong", {}, told), h("span", { class: "soft" }, ` · ${when}${found.dry_run ? ", reported only" : ""}`)),
    h(
      "dl",
      { class: "figures small" },
      ...Object.entries(hints).map(([name, hint]) => figure(sentence(name), count(found.summary[name]), hint)),
      figure("Missed orders", count(missed_orders), "orders of which no webhook had told"),
    ),
    h("ul", { class: "plain" }, ...found.items.map(difference)),
  ];
}

function difference(item) {
  const value = (one) => (item.field === "price_cents" && typeof one === "number" ? money(one) : brief(one));
  const field = words(item.field.replace(/_cents$/, "").replace(/^properties\./, ""));
  const what = item.kind === "corrected" ? `${field} ${value(item.old)} → ${value(item.new)}` : words(item.kind);
  return h("li", {}, h("strong", {}, `Product ${item.product_id}`), ` ${what}`, h("small", {}, CAUSES[item.cause] ?? words(item.cause)));
}
