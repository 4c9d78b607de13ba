// What the timeline shows for messages, what can be done with them, and how far one's own got.

import assert from "node:assert/strict";
import { test } from "node:test";
import { dayOf, sameDay, whenOf } from "../../../daemon/p2pd_daemon/web/js/format.js";
import { allowed, deliveryOf, rowsOf } from "../../../daemon/p2pd_daemon/web/js/rows.js";

const NOON = new Date(2024, 4, 10, 12).getTime();
const MINUTE = 60_000;
const message = (id, minutes, more = {}) => ({ id, from: "ana", ts_ms: NOON + minutes * MINUTE, kind: "text", ...more });
const shape = (rows) => rows.map((row) => (row.kind === "message" ? (row.first ? "A" : "a") : row.kind)).join(" ");

test("days, the line above what is new, and groups of one author", () => {
  const messages = [message("1", 0), message("2", 1), message("3", 2, { from: "ben" }), message("4", 10, { from: "ben" }),
    message("5", 24 * 60, { from: "ben" }), message("6", 24 * 60 + 1, { from: "ben" })];
  assert.equal(shape(rowsOf(messages, null)), "day A a A A day A a");
  assert.equal(shape(rowsOf(messages, "2")), "day A new A A A day A a");
  assert.equal(shape(rowsOf([], null)), "");
});

test("what the head of a group would have to say otherwise begins a group of its own", () => {
  for (const more of [{ reply_to: "1" }, { kind: "action" }, { sender: { nick: "other" } }, { via: "/x" }, { caught_up: true }]) {
    assert.equal(shape(rowsOf([message("1", 0), message("2", 1, more)], null)), "day A A", JSON.stringify(more));
  }
});

test("every row has a key of its own", () => {
  const keys = rowsOf([message("1", 0), message("2", 24 * 60)], "2").map((row) => row.key);
  assert.equal(new Set(keys).size, keys.length);
});

test("what can be done where", () => {
  const can = (more, place) => Object.entries(allowed(message("1", 0, more), place, "ana")).filter(([, may]) => may).map(([what]) => what).join(" ");
  assert.equal(can({}, { wire: "p2pd" }), "copy reply react edit remove");
  assert.equal(can({ from: "ben" }, {}), "copy reply react");
  assert.equal(can({}, { wire: "text" }), "copy");
  assert.equal(can({}, { wire: "chat-room" }), "copy");
  assert.equal(can({ via: "/universal-connectivity/dm/1.0.0" }, {}), "copy reply");
  assert.equal(can({ deleted: true }, {}), "");
});

test("how far a message got", () => {
  const of = (more, delivery) => deliveryOf(message("1", 0, { room: "a", state: "stored", ...more,
    delivery: { sent_to: 0, held_by: 0, members: 3, ...delivery } }));
  assert.equal(deliveryOf(message("1", 0)), null);
  assert.equal(of({}).key, "delivery.stored");
  assert.deepEqual(of({ state: "sent" }, { sent_to: 2 }), { mark: "sent", key: "delivery.sent", n: 2 });
  assert.deepEqual(of({}, { held_by: 1 }), { mark: "sent", key: "delivery.held", n: 1, m: 3 });
  assert.equal(of({}, { held_by: 3 }).mark, "got");
  assert.deepEqual(of({}, { held_by: 4 }), { mark: "got", key: "delivery.held", n: 4, m: 4 });
  assert.equal(of({ room: null, state: "queued" }).mark, "waits");
  assert.equal(of({ room: null, state: "delivered" }).key, "delivery.delivered");
  assert.equal(of({ room: null, state: "delivered", via: "/x" }).key, "delivery.carried");
  assert.equal(of({ room: null, state: "refused", reason: "blocked" }).mark, "failed");
});

test("days by their names", () => {
  const words = { today: "Today", yesterday: "Yesterday" };
  const at = (...parts) => new Date(...parts).getTime();
  const day = (ms) => dayOf(ms, "en-GB", NOON, words);
  assert.equal(day(at(2024, 4, 10, 0, 0)), "Today");
  assert.equal(day(at(2024, 4, 9, 23, 59)), "Yesterday");
  assert.match(day(at(2024, 4, 8)), /^Wednesday,? 8 May$/);
  assert.match(day(at(2023, 4, 8)), /2023/);
  assert.ok(!sameDay(at(2024, 4, 10), at(2024, 3, 10)));
  assert.equal(whenOf(at(2024, 4, 9), "en-GB", NOON), "09/05");
});
