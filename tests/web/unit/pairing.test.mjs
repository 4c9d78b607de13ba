// With whom the waiting page opens a conversation.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stillWaiting, waitingFrom, whoCame } from "../../../daemon/p2pd_daemon/web/js/store/pairing.js";

const peer = (peer_id, more = {}) => ({ peer_id, direction: "in", kinds: [], rooms: [], ...more });
const talk = (peer_id, last_ts_ms, unread = 1) => ({ key: `peer:${peer_id}`, peer_id, last_ts_ms, unread });
const state = (peers, places = []) => ({ peers, places: Object.fromEntries(places.map((place) => [place.key, place])) });
const room = { key: "room:lobby", room: "lobby", last_ts_ms: 5, unread: 2 };

test("nobody came", () => {
  const now = state([peer("A")], [talk("A", 1), room]);
  assert.equal(whoCame(waitingFrom(now), now), null);
});

test("who connects to us is it", () => {
  assert.equal(whoCame(waitingFrom(state([peer("A")])), state([peer("A"), peer("B")])), "B");
});

test("who hung up and connects again is it", () => {
  const before = stillWaiting(waitingFrom(state([peer("A")])), state([]));
  assert.equal(whoCame(before, state([peer("A")])), "A");
});

test("who writes is it, even before somebody who only connects", () => {
  const before = waitingFrom(state([peer("A")], [talk("A", 1, 0)]));
  assert.equal(whoCame(before, state([peer("A"), peer("B")], [talk("A", 2)])), "A");
});

test("what we write ourselves elsewhere opens nothing", () => {
  assert.equal(whoCame(waitingFrom(state([])), state([], [talk("A", 2, 0)])), null);
});

for (const [why, newcomer] of Object.entries({
  "whom we dial": peer("B", { direction: "out" }),
  "a meeting point": peer("B", { kinds: ["bootstrap"] }),
  "a relay": peer("B", { kinds: ["relay"] }),
  "a store": peer("B", { kinds: ["store"] }),
  "a member of a room of ours": peer("B", { rooms: ["lobby"] }),
})) {
  test(`${why} opens nothing`, () => {
    assert.equal(whoCame(waitingFrom(state([], [room])), state([newcomer], [room])), null);
  });
}
