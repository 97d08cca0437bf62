/** Failures in words: what happened, its code, and what to do. */

import { ApiError, ConnectionLost } from "./api.js";
import { h } from "./dom.js";

const ADVICE = {
  SYNC_IN_PROGRESS: "Wait until it has ended, or cancel it.",
  PRECONDITION_FAILED: "Somebody changed it meanwhile; look at its values of now, then edit again.",
  INVENTORY_ITEM_RESERVED: "Wait until the purchase in progress has ended.",
  INVENTORY_ITEM_MISSING_EXTERNAL_ID: "Synchronise the stock; the listing is not at CardTrader yet.",
  NOT_REPEATABLE: "Look at CardTrader, then settle it by hand.",
  WORKER_UNAVAILABLE: "Ask the operator to start a worker.",
  FORBIDDEN: "Use a token of the account, or one with the role it asks for.",
  VALIDATION_ERROR: "Correct the value and try again.",
};

/** @param {unknown} error @returns {string} */
export function advice(error) {
  if (error instanceof ConnectionLost) return "It is tried again by itself.";
  if (!(error instanceof ApiError)) return "Load the page again.";
  if (error.status === 401) return "Paste a new token.";
  if (ADVICE[error.code]) return ADVICE[error.code];
  if (error.status === 429 || error.status >= 500) return "Try again in a moment; if it stays, tell the operator its trace.";
  return "";
}

/** With its full stop. @param {string} text */
export function ended(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** One line for people. @param {unknown} error */
export function told(error) {
  const message = ended(error instanceof Error ? error.message : String(error));
  const named = error instanceof ApiError ? `${message} ${advice(error)} (${error.code})` : `${message} ${advice(error)}`;
  return named.replace(/ {2,}/g, " ");
}

/** The same as an alert. @param {unknown} error */
export function alertOf(error) {
  const trace = error instanceof ApiError && error.status >= 500 ? ` Trace ${error.trace}` : "";
  return h("p", { class: "alert", role: "alert" }, told(error), trace && h("small", {}, trace));
}
