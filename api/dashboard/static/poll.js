/** Asking again and again: patient while the line is gone, quiet while nobody looks. */

import { ApiError, ConnectionLost } from "./api.js";

const LONGEST_MS = 30_000;

/** Waits, less when woken; false when it is over. @param {number} ms @param {AbortSignal} signal @param {EventTarget} [bell] */
export function pause(ms, signal, bell) {
  return new Promise((resolve) => {
    const ended = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", ended);
      bell?.removeEventListener("wake", ended);
      resolve(!signal.aborted);
    };
    const timer = setTimeout(ended, ms);
    signal.addEventListener("abort", ended);
    bell?.addEventListener("wake", ended);
    if (signal.aborted) ended();
  });
}

/** Resolves once the page is looked at. @param {AbortSignal} signal */
function seen(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => document.hidden || resolve(undefined);
    document.addEventListener("visibilitychange", look, { signal });
    signal.addEventListener("abort", () => resolve(undefined));
  });
}

/**
 * Repeat a question until the desk is closed; `wake` on the answered bell asks at once.
 * @param {import("./desk.js").Desk} desk @param {number} seconds @param {() => Promise<unknown>} ask
 * @param {(error: unknown) => void} [refused] is told what the service refused; a lost line is the desk's matter
 * @returns {EventTarget}
 */
export function repeat(desk, seconds, ask, refused = () => {}) {
  const bell = new EventTarget();
  let rung = false;
  bell.addEventListener("wake", () => (rung = true));
  void (async () => {
    for (let failures = 0; !desk.signal.aborted; ) {
      await seen(desk.signal);
      // Whoever rings while a question is under way may not be content with its answer.
      rung = false;
      try {
        await ask();
        failures = 0;
        desk.reached();
      } catch (error) {
        if (desk.signal.aborted) return;
        failures += 1;
        if (!(error instanceof ConnectionLost)) desk.reached();
        desk.failed(error);
        if (error instanceof ApiError) refused(error);
      }
      if (!rung) await pause(Math.min(LONGEST_MS, seconds * 1000 * 2 ** Math.min(failures, 4)), desk.signal, bell);
    }
  })();
  return bell;
}

/** Have a repeated question asked now. @param {EventTarget} bell */
export function wake(bell) {
  bell.dispatchEvent(new Event("wake"));
}
