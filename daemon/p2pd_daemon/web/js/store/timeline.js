// A place's messages: the part that is loaded, in order, with more on either side.
//
// {messages, older, newer, loading, late, newFrom}: `older` and `newer` say whether there are more beyond either end;
// `late` is what the daemon told while a page was asked for, which the page may not have yet; `newFrom` is the id of the
// first message that was not read when it came.

import { keyOf } from "./places.js";

export const PAGE = 100; // messages asked for at once
export const KEPT = 400; // messages in the page at most: what is beyond is let go at the other end, and asked for again

const EMPTY = { messages: [], older: true, newer: false, loading: null, late: [], newFrom: null };

export const timelineOf = (state, key) => state.timelines[key] ?? EMPTY;

// By time and id, as every node orders them. In rooms of other programs the daemon's times count the arrivals.
const before = (a, b) => a.ts_ms < b.ts_ms || (a.ts_ms === b.ts_ms && a.id < b.id);

function insert(messages, message) {
  const known = messages.findIndex((one) => one.id === message.id);
  if (known >= 0) return messages.with(known, message);
  let at = messages.length;
  while (at > 0 && before(message, messages[at - 1])) at -= 1;
  return messages.toSpliced(at, 0, message);
}

// Two ordered lists as one; where both have a message, the second one's counts.
export function merge(messages, page) {
  const ids = new Set(page.map((one) => one.id));
  const all = [];
  let at = 0;
  for (const message of messages) {
    if (ids.has(message.id)) continue;
    while (at < page.length && before(page[at], message)) all.push(page[at++]);
    all.push(message);
  }
  return all.concat(page.slice(at));
}

export function reduceTimelines(state, action) {
  switch (action.type) {
    case "loading":
      return change(state, action.key, (line) => ({ ...line, loading: action.which, late: [] }));
    case "page": // {key, which: "newest" | "older" | "newer" | "again" | "around", messages, older?, newer?, newFrom?}
      return change(state, action.key, (line) => line.late.reduce(told, joined(line, action)));
    case "message":
    case "changed": // an edit, a delete, a reaction: the message as it is now
      return change(state, keyOf(action.message), (line) => (line === EMPTY ? line : late(told(line, action), action)));
    case "delivery":
      return change(state, action.key, (line) => (line === EMPTY ? line : late(told(line, action), action)));
    case "left":
    case "forget":
      return { ...state, timelines: without(state.timelines, action.key) };
    case "stale": // events were missed that the daemon no longer has
      return { ...state, timelines: {} };
    case "seen": // the line above the new messages has served
      return change(state, action.key, (line) => (line.newFrom ? { ...line, newFrom: null } : line));
    default:
      return state;
  }
}

const late = (line, action) => (line.loading ? { ...line, late: [...line.late, action] } : line);

function joined(line, action) {
  const { which, messages } = action;
  const done = { ...line, loading: null, late: line.late };
  switch (which) {
    case "older": {
      const all = merge(line.messages, messages);
      const kept = all.slice(0, KEPT);
      return { ...done, messages: kept, older: action.older, newer: line.newer || kept.length < all.length };
    }
    case "newer": {
      const all = merge(line.messages, messages);
      const kept = all.slice(-KEPT);
      return { ...done, messages: kept, newer: action.newer, older: line.older || kept.length < all.length };
    }
    case "again": // all from the first message on that is there
      return { ...done, messages: merge(line.messages.slice(0, 1), messages).slice(0, KEPT), newer: action.newer };
    case "around":
      return { ...done, messages, older: action.older, newer: action.newer };
    default: // "newest"
      return { ...done, messages, older: action.older, newer: action.newer ?? false, newFrom: action.newFrom ?? line.newFrom };
  }
}

// What an event says, to what is loaded.
function told(line, action) {
  const { type } = action;
  const id = type === "delivery" ? action.id : action.message.id;
  const at = line.messages.findIndex((one) => one.id === id);
  if (type === "delivery") {
    return at < 0 ? line : { ...line, messages: line.messages.with(at, delivered(line.messages[at], action)) };
  }
  if (at >= 0) return { ...line, messages: line.messages.with(at, action.message) };
  if (type === "changed" || outside(line, action.message)) return line;
  const newFrom = action.first ? action.message.id : line.newFrom;
  if (action.elsewhere && line.messages.length >= KEPT) return { ...line, newer: true, newFrom }; // what is read stays
  const messages = insert(line.messages, action.message);
  if (messages.length <= KEPT) return { ...line, messages, newFrom };
  return { ...line, messages: messages.slice(-KEPT), older: true, newFrom };
}

function delivered(message, { fields, sentTo }) {
  const delivery = message.delivery && { ...message.delivery, state: fields.state, sent_to: sentTo ?? message.delivery.sent_to };
  return { ...message, ...fields, delivery };
}

// Between what is loaded and such a message there may be others.
function outside({ messages, older, newer }, message) {
  if (!messages.length) return false;
  return (newer && !before(message, messages.at(-1))) || (older && before(message, messages[0]));
}

// The id of the first of the newest `count` messages of others; null where more than these are unread.
export function firstUnread(messages, count, me) {
  const others = messages.filter((message) => message.from !== me);
  return count > 0 && others.length >= count ? others.at(-count).id : null;
}

function change(state, key, how) {
  const line = timelineOf(state, key);
  const next = how(line);
  return next === line ? state : { ...state, timelines: { ...state.timelines, [key]: next } };
}

function without(object, key) {
  const { [key]: _, ...rest } = object;
  return rest;
}
