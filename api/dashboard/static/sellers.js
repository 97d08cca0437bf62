/** All sellers, for operators: who is synchronised now, what waits, what is dead. */

import { bar, byId, figure, h, outward, show } from "./dom.js";
import { alertOf } from "./errors.js";
import { count, duration, sentence } from "./format.js";
import { repeat } from "./poll.js";
import { pace } from "./syncs.js";

/** @param {import("./desk.js").Desk} desk */
export function openSellers(desk) {
  if (!desk.is("operator")) return;
  byId("sellers").hidden = false;
  const look = async () => {
    const found = await desk.api.get("api/v1/sync/overview");
    const statuses = ["active", "initial_sync", "idle", "error"].map((name) => figure(sentence(name), count(found.accounts[name] ?? 0)));
    const queues = Object.entries(found.queues).map(([name, queue]) =>
      figure(`${sentence(name)} waiting`, [count(queue.waiting), queue.waiting ? h("small", {}, ` oldest ${duration(queue.oldest_seconds)}`) : null]),
    );
    const dead = Object.values(found.failed_records).reduce((sum, some) => sum + some, 0);
    show(byId("sellers-figures"), ...statuses, ...queues, figure("Dead letters", count(dead)));
    show(byId("sellers-syncs"), ...found.syncs.map(one));
    byId("sellers-empty").hidden = found.syncs.length > 0;
  };
  repeat(desk, 2, look, (error) => show(byId("sellers-note"), alertOf(error)));
}

function one(sync) {
  return h(
    "li",
    {},
    h("p", {}, h("code", { title: sync.user_id }, sync.user_id), ` ${sync.progress_percent} % `, outward(sync.workflow_url, "Workflow")),
    bar(sync.progress_percent, `Progress of the sync of ${sync.user_id}`),
    h("p", { class: "soft" }, pace(sync)),
  );
}
