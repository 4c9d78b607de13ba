// A place's messages: the part that is loaded, in order, with more on either side.
//
// {messages, older, newer, loading, newFrom}: `older` and `newer` say whether there are more beyond either end;
// `newFrom` is the id of the first message that was unread when the place was opened.

import { keyOf } from "./places.js";

export const PAGE = 100; // messages asked for at once
export const KEPT = 400; // messages in the page at most: what is beyond is let go at the other end, and asked for again

const EMPTY = { messages: [], older: true, newer: false, loading: null, newFrom: null };

export const timelineOf = (state, key) => state.timelines[key] ?? EMPTY;

// By time and id, as every node orders them. Rooms of other programs have no such order: there the daemon's counts,
// and what arrives comes last.
const before = (a, b) => a.ts_ms < b.ts_ms || (a.ts_ms === b.ts_ms && a.id < b.id);

export function place(messages, message) {
  const known = messages.findIndex((one) => one.id === message.id);
  if (known >= 0) return messages.with(known, message);
  let at = messages.length;
  while (at > 0 && before(message, messages[at - 1])) at -= 1;
  return messages.toSpliced(at, 0, message);
}

function merge(messages, page) {
  return page.reduce(place, messages);
}

export function reduceTimelines(state, action) {
  switch (action.type) {
    case "loading":
      return change(state, action.key, (line) => ({ ...line, loading: action.which }));
    case "page": // {key, which: "newest" | "older" | "newer" | "around", messages, full, newFrom?}
      return change(state, action.key, (line) => joined(line, action));
    case "message":
      return addMessage(state, action.message);
    case "changed": // an edit, a delete, a reaction: the message as it is now
      return addMessage(state, action.message, { onlyKnown: true });
    case "delivery":
      return change(state, action.key, (line) => {
        const at = line.messages.findIndex((one) => one.id === action.id);
        if (at < 0) return line;
        const now = { ...line.messages[at], ...action.fields };
        return { ...line, messages: line.messages.with(at, now) };
      });
    case "left":
      return { ...state, timelines: without(state.timelines, action.key) };
    case "stale": // events were missed that the daemon no longer has
      return { ...state, timelines: {} };
    case "seen":
      return change(state, action.key, (line) => (line.newFrom ? { ...line, newFrom: null } : line));
    default:
      return state;
  }
}

function joined(line, { which, messages, full, newFrom }) {
  const done = { ...line, loading: null };
  switch (which) {
    case "older": {
      const all = merge(line.messages, messages);
      const kept = all.slice(0, KEPT);
      return { ...done, messages: kept, older: full, newer: line.newer || kept.length < all.length };
    }
    case "newer": {
      const all = merge(line.messages, messages);
      const kept = all.slice(-KEPT);
      return { ...done, messages: kept, newer: full, older: line.older || kept.length < all.length };
    }
    case "around":
      return { ...done, messages: merge([], messages), older: true, newer: true };
    default:
      return { ...done, messages: merge([], messages), older: full, newer: false, newFrom: newFrom ?? line.newFrom };
  }
}

function addMessage(state, message, { onlyKnown = false } = {}) {
  const key = keyOf(message);
  return change(state, key, (line) => {
    if (line === EMPTY) return line; // not opened yet: it is asked for then
    const known = line.messages.some((one) => one.id === message.id);
    if (!known && (onlyKnown || line.newer)) return line;
    const all = place(line.messages, message);
    if (all.length <= KEPT) return { ...line, messages: all };
    return { ...line, messages: all.slice(-KEPT), older: true };
  });
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
