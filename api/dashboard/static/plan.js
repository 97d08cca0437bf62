/** Changes that do too much at once: shown with their figures, run or given up by the seller. */

import { ApiError } from "./api.js";
import { byId, button, h, show } from "./dom.js";
import { alertOf } from "./errors.js";
import { count, duration, money } from "./format.js";
import { repeat, wake } from "./poll.js";

/** @param {import("./desk.js").Desk} desk */
export function openPlan(desk) {
  const place = byId("plan");
  const decide = (plan, decision, text, more) =>
    button(
      text,
      async () => {
        try {
          await desk.api.post(desk.own("changes", `/plan/${encodeURIComponent(plan.plan_id)}/${decision}`));
          wake(bell);
        } catch (error) {
          desk.failed(error);
          place.append(alertOf(error));
        }
      },
      { "data-key": decision, ...more },
    );
  const look = async () => {
    try {
      const plan = await desk.api.get(desk.own("changes", "/plan"));
      show(place, ...told(plan), h("p", { class: "actions" }, decide(plan, "approve", "Approve", { class: "primary" }), decide(plan, "cancel", "Give up")));
      place.hidden = false;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      place.hidden = true;
    }
  };
  const bell = repeat(desk, 20, look);
  desk.on("edited", () => wake(bell));
  desk.on("synced", () => wake(bell));
}

function told(plan) {
  const parts = [
    [plan.creates, "new"],
    [plan.updates, "changed"],
    [plan.deletes, "deleted"],
    [plan.zeroed, "left without copies"],
    [plan.repriced, "moved in price by more than half"],
  ];
  const what = parts.filter(([amount]) => amount).map(([amount, name]) => `${count(amount)} ${name}`);
  return [
    h("h3", {}, "Changes wait for your approval"),
    h("p", {}, `${what.join(", ")}. The stock's value goes from ${money(plan.value_before_cents)} to ${money(plan.value_after_cents)}; `, `${count(plan.requests)} requests, about ${duration(plan.seconds)}.`),
  ];
}
