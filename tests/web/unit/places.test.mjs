// The list of places: what is unread in each, and the newest message.

import assert from "node:assert/strict";
import { test } from "node:test";
import { initialState, reduce } from "../../../daemon/p2pd_daemon/web/js/store/state.js";
import { keyOf, nameOf, sortedPlaces, unreadOf, whereOf } from "../../../daemon/p2pd_daemon/web/js/store/places.js";

const room = (name, more = {}) => ({ room: name, unread: 0, last_ts_ms: null, members: 1, wire: "p2pd", ...more });
const person = (peer, more = {}) => ({ peer_id: peer, name: peer, unread: 0, queued: 0, last_ts_ms: null, ...more });
const play = (...actions) => actions.reduce(reduce, initialState({}));
const lists = (rooms, conversations, watched) => ({ type: "places", rooms, conversations, watched });

test("names never become keys by themselves", () => {
  const state = play(lists([room("__proto__", { unread: 2 }), room("constructor")], [person("__proto__")]));
  assert.deepEqual(Object.keys(state.places).sort(), ["peer:__proto__", "room:__proto__", "room:constructor"]);
  assert.equal(unreadOf(state.places), 2);
  assert.equal(nameOf("room:a:b"), "a:b");
  assert.deepEqual(whereOf("peer:x"), { peer: "x" });
  assert.equal(keyOf({ room: null, peer: "x" }), "peer:x");
});

test("the latest come first, and what is silent comes last, by name", () => {
  const { rooms } = sortedPlaces(play(lists([room("b"), room("a"), room("c", { last_ts_ms: 5 }), room("d", { last_ts_ms: 9 })], [])).places);
  assert.deepEqual(rooms.map((one) => one.title), ["d", "c", "a", "b"]);
});

test("a message counts where nobody looks, and is the newest", () => {
  const message = { id: "1", room: "a", from: "x", ts_ms: 7, text: "hi" };
  const before = lists([room("a", { unread: 1 })], []);
  const counted = play(before, { type: "message", message, counted: true }).places["room:a"];
  assert.deepEqual([counted.unread, counted.last.text, counted.last_ts_ms], [2, "hi", 7]);
  assert.equal(play(before, { type: "message", message, counted: false }).places["room:a"].unread, 1);
  const older = { ...message, ts_ms: 3, text: "old" };
  assert.equal(play(before, { type: "message", message }, { type: "message", message: older }).places["room:a"].last.text, "hi");
});

test("what is being looked at is read, whatever the daemon counted a moment ago", () => {
  assert.equal(play(lists([room("a", { unread: 3 })], [], "room:a")).places["room:a"].unread, 0);
});

test("a conversation that was opened stays in the list until something is said in it", () => {
  const state = play({ type: "route", route: { page: "place", key: "peer:x" } }, { type: "place-opened", key: "peer:x", title: "x" }, lists([], []));
  assert.equal(state.places["peer:x"].title, "x");
  assert.deepEqual(play(lists([room("a")], []), { type: "left", key: "room:a" }).places, {});
});
