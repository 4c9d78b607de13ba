// What the timeline shows, row by row: days, the line above what is new, and messages, some of which follow their
// author's previous one so closely that they need no name. Pure.

import { sameDay } from "./format.js";

const TOGETHER_MS = 5 * 60_000; // messages of one author within this are one group

// What the head of a group says of all of it.
const OF_THE_HEAD = [(one) => one.sender?.nick ?? "", (one) => one.sender?.claims ?? "", (one) => one.via ?? "",
  (one) => Boolean(one.caught_up)];

export function rowsOf(messages, newFrom) {
  const rows = [];
  let previous = null;
  for (const message of messages) {
    const day = !previous || !sameDay(previous.ts_ms, message.ts_ms);
    const fresh = message.id === newFrom;
    if (day) rows.push({ kind: "day", key: `day ${message.id}`, ts_ms: message.ts_ms });
    if (fresh) rows.push({ kind: "new", key: "new" });
    rows.push({ kind: "message", key: message.id, message, first: day || fresh || !follows(message, previous) });
    previous = message;
  }
  return rows;
}

function follows(message, previous) {
  return message.from === previous.from && message.kind !== "action" && previous.kind !== "action"
    && OF_THE_HEAD.every((of) => of(message) === of(previous)) && !message.reply_to
    && message.ts_ms - previous.ts_ms < TOGETHER_MS;
}

// What can be done with a message. Rooms of other programs, and what other programs carried, know only texts.
export function allowed(message, place, me) {
  const native = (place?.wire ?? "p2pd") === "p2pd" && !message.deleted;
  const signed = native && !message.via;
  const mine = message.from === me;
  return { copy: !message.deleted, reply: native, react: signed, edit: signed && mine, remove: signed && mine };
}

// How far one's own message got: {mark, key, n, m} for a text `key` with numbers.
export function deliveryOf(message) {
  const { delivery, state, room } = message;
  if (!delivery) return null;
  const { sent_to: sent, held_by: held, members } = delivery;
  if (state === "refused") return { mark: "failed", key: "delivery.refused" };
  if (room === null) {
    if (state === "delivered") return { mark: "got", key: message.via ? "delivery.carried" : "delivery.delivered" };
    return state === "sent" ? { mark: "sent", key: "delivery.sent.one" } : { mark: "waits", key: "delivery.queued" };
  }
  if (held > 0) return { mark: held >= members ? "got" : "sent", key: "delivery.held", n: held, m: Math.max(held, members) };
  if (sent > 0 || state === "sent") return { mark: "sent", key: "delivery.sent", n: sent };
  return { mark: "waits", key: "delivery.stored" };
}
