/** Numbers, money, time and words as people read them. Pure. */

const COUNT = new Intl.NumberFormat("en");
const MOMENT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const MOST = 2_147_483_647;
const STEPS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];

/** 12345 -> "12,345"; what is no number -> "–". @param {number | null | undefined} value */
export function count(value) {
  return typeof value === "number" && Number.isFinite(value) ? COUNT.format(value) : "–";
}

/** `cap` and more -> "100+". @param {number} value @param {number} cap */
export function capped(value, cap) {
  return value >= cap ? `${count(cap)}+` : count(value);
}

/** 1234 -> "12.34". @param {number} cents */
export function money(cents) {
  const whole = Math.trunc(cents / 100);
  return `${count(whole)}.${String(cents % 100).padStart(2, "0")}`;
}

/** Cents of "12.3", "12,34" or "1,234.50"; null for anything else. Never by way of a float. @param {string} text */
export function parseMoney(text) {
  const bare = text.trim().replace(/,(?=\d{3}(\D|$))/g, "");
  const found = /^(\d{1,8})(?:[.,](\d{1,2}))?$/.exec(bare);
  if (!found) return null;
  const cents = Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0"));
  return cents <= MOST ? cents : null;
}

/** A whole number of at least 0, as typed; null for anything else. @param {string} text */
export function parseCount(text) {
  const bare = text.trim().replace(/,(?=\d{3}(\D|$))/g, "");
  return /^\d{1,10}$/.test(bare) && Number(bare) <= MOST ? Number(bare) : null;
}

/** Two units at most: 200 -> "3 min 20 s". @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return "–";
  let left = Math.max(0, Math.round(seconds));
  const first = STEPS.findIndex(([, size]) => left >= size);
  if (first < 0) return "0 s";
  const parts = [];
  for (const [unit, size] of STEPS.slice(first, first + 2)) {
    const amount = Math.floor(left / size);
    left -= amount * size;
    if (amount) parts.push(`${amount} ${unit}`);
  }
  return parts.join(" ");
}

/** "3 min ago", "in 2 h"; one unit. @param {string | null | undefined} moment @param {number} now ms since 1970 */
export function ago(moment, now) {
  const at = Date.parse(moment ?? "");
  if (Number.isNaN(at)) return "never";
  const seconds = Math.abs(now - at) / 1000;
  const [unit, size] = STEPS.find(([, length]) => seconds >= length) ?? ["s", 1];
  if (unit === "s") return "just now";
  const amount = `${Math.floor(seconds / size)} ${unit}`;
  return at > now ? `in ${amount}` : `${amount} ago`;
}

/** "21 Nov, 15:06" on the clocks of the reader. @param {string | null | undefined} moment */
export function clock(moment) {
  const at = new Date(moment ?? "");
  return Number.isNaN(at.getTime()) ? "–" : MOMENT.format(at);
}

/** completed_with_errors -> "completed with errors". @param {string} code */
export function words(code) {
  return code.replaceAll("_", " ").toLowerCase();
}

/** words() that begins a sentence. @param {string} code */
export function sentence(code) {
  const text = words(code);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Any value of an answer in a few characters. @param {unknown} value */
export function brief(value) {
  if (value === null || value === undefined || value === "") return "nothing";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
