// The part of a place that is loaded: in order, without gaps and doubles, whatever comes between asking and answer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { initialState, reduce } from "../../../daemon/p2pd_daemon/web/js/store/state.js";
import { firstUnread, KEPT, merge, timelineOf } from "../../../daemon/p2pd_daemon/web/js/store/timeline.js";
import { numbers } from "./random.mjs";

const KEY = "room:lobby";
const message = (n, more = {}) => ({ id: `id${String(n).padStart(6, "0")}`, room: "lobby", from: "ana", ts_ms: n, text: `${n}`, ...more });
const range = (from, to) => Array.from({ length: to - from }, (_, n) => message(from + n));
const play = (state, ...actions) => actions.reduce(reduce, state);
const line = (state) => timelineOf(state, KEY);
const times = (state) => line(state).messages.map((one) => one.ts_ms);
const loading = (which) => ({ type: "loading", key: KEY, which });
const page = (which, messages, more = {}) => ({ type: "page", key: KEY, which, messages, older: false, newer: false, ...more });
const opened = (messages, more) => play(initialState({}), loading("newest"), page("newest", messages, more));
const says = (n, more) => ({ type: "message", message: message(n, more) });

test("a message takes its place by time and id, and once", () => {
  const state = play(opened(range(10, 13)), says(20), says(15), says(15), says(20, { text: "again" }));
  assert.deepEqual(times(state), [10, 11, 12, 15, 20]);
  assert.equal(line(state).messages.at(-1).text, "again");
});

test("a place that was not opened keeps nothing: it is asked for then", () => {
  assert.deepEqual(times(play(initialState({}), says(1))), []);
});

test("what comes while the newest are asked for is not lost by the answer", () => {
  const state = play(initialState({}), loading("newest"), says(14), page("newest", range(10, 13)));
  assert.deepEqual(times(state), [10, 11, 12, 14]);
});

test("a change that comes while a page is asked for is not undone by it", () => {
  const changed = { type: "changed", message: message(11, { text: "edited" }) };
  const delivery = { type: "delivery", key: KEY, id: message(12).id, fields: { state: "sent", reason: "" } };
  const state = play(opened(range(10, 13)), loading("newest"), changed, delivery, page("newest", range(10, 13)));
  assert.equal(line(state).messages[1].text, "edited");
  assert.equal(line(state).messages[2].state, "sent");
});

test("what comes while the last newer page is asked for is there when it arrives", () => {
  const window = opened(range(0, 10), { newer: false });
  const back = play(window, loading("around"), page("around", range(0, 10), { newer: true }), loading("newer"), says(20),
    page("newer", range(10, 20), { newer: false }));
  assert.deepEqual(times(back), range(0, 21).map((one) => one.ts_ms));
});

test("nothing is put beyond an end behind which there may be others", () => {
  const middle = play(initialState({}), loading("around"), page("around", range(50, 60), { older: true, newer: true }));
  assert.deepEqual(times(play(middle, says(40), says(70))), times(middle));
  assert.deepEqual(times(play(middle, { type: "message", message: message(55, { id: "id000055x" }) })).length, 11);
});

test("no more is kept than fits; the other end is let go, and known to be", () => {
  let state = opened(range(900, 1000), { older: true });
  for (let from = 800; from >= 400; from -= 100) {
    state = play(state, loading("older"), page("older", range(from, from + 100), { older: true }));
  }
  assert.equal(line(state).messages.length, KEPT);
  assert.deepEqual([times(state)[0], line(state).newer, line(state).older], [400, true, true]);
  state = play(state, loading("newer"), page("newer", range(800, 900), { newer: true }));
  assert.deepEqual([times(state)[0], times(state).at(-1), line(state).older], [500, 899, true]);
});

test("at the end a message more lets the oldest go", () => {
  const state = play(opened(range(0, KEPT)), says(KEPT));
  assert.deepEqual([times(state)[0], times(state).at(-1), line(state).older], [1, KEPT, true]);
});

test("who reads further up keeps what they read: what comes waits beyond the end", () => {
  const state = play(opened(range(0, KEPT)), { ...says(KEPT), elsewhere: true, first: true }, { ...says(KEPT + 1), elsewhere: true });
  assert.deepEqual([times(state)[0], times(state).at(-1), line(state).newer], [0, KEPT - 1, true]);
  assert.equal(line(state).newFrom, message(KEPT).id);
  assert.deepEqual(times(play(opened(range(0, 2)), { ...says(2), elsewhere: true })), [0, 1, 2]);
});

test("asked for anew, records that belong in between are there", () => {
  const even = range(0, 20).filter((one) => one.ts_ms % 2 === 0);
  const state = play(opened(even), loading("again"), page("again", range(1, 25)));
  assert.deepEqual(times(state), range(0, 25).map((one) => one.ts_ms));
});

test("the line above what is new stays where the first unread message came", () => {
  const state = play(opened(range(0, 3)), { ...says(3), first: true, counted: true }, { ...says(4), counted: true });
  assert.equal(line(state).newFrom, message(3).id);
  assert.equal(line(play(state, { type: "seen", key: KEY })).newFrom, null);
});

test("the first unread message, among those of others", () => {
  const messages = [message(1, { from: "ben" }), message(2), message(3, { from: "ben" }), message(4)];
  assert.equal(firstUnread(messages, 1, "ana"), message(3).id);
  assert.equal(firstUnread(messages, 2, "ana"), message(1).id);
  assert.equal(firstUnread(messages, 3, "ana"), null);
  assert.equal(firstUnread(messages, 0, "ana"), null);
});

test("stale timelines are forgotten; others' places stay as they are", () => {
  assert.deepEqual(play(opened(range(0, 3)), { type: "stale" }).timelines, {});
  const state = opened(range(0, 3));
  assert.equal(play(state, { type: "delivery", key: "peer:x", id: "y", fields: {} }), state);
});

test("two lists merge as a set would, in order", () => {
  const next = numbers(3);
  const part = () => [...new Set(Array.from({ length: next(12) }, () => next(20)))].sort((a, b) => a - b).map((n) => message(n));
  for (let round = 0; round < 500; round += 1) {
    const [one, other] = [part(), part()];
    const wanted = [...new Set([...one, ...other].map((each) => each.ts_ms))].sort((a, b) => a - b);
    assert.deepEqual(merge(one, other).map((each) => each.ts_ms), wanted);
  }
});
