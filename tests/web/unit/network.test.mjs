// The picture of the network: who is in it, how they are reached, and where they stand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOf, layOut, nodesOf, relayOf, speedOf } from "../../../daemon/p2pd_daemon/web/js/store/network.js";

const SIZE = { width: 760, height: 460, margin: { x: 90, y: 54 } };
const peer = (peer_id, more = {}) => ({ peer_id, name: `name of ${peer_id}`, rtt_ms: 10, addrs: [], kinds: [], rooms: [], relayed: false, ...more });
const through = (peer_id, relay) => peer(peer_id, { relayed: true, rtt_ms: 200, rooms: ["lobby"],
  addrs: [`/ip4/1.2.3.4/tcp/1/p2p/${relay}/p2p-circuit/p2p/${peer_id}`] });
const state = (...peers) => ({ peers, people: {}, status: { peer_id: "ME" } });
const ids = (nodes) => nodes.map((node) => node.id);

test("round trips have four speeds, and none where nothing was measured", () => {
  assert.deepEqual([null, undefined, 0, 49.9, 50, 149, 150, 399, 400, 9000].map(speedOf), [null, null, 0, 0, 1, 1, 2, 2, 3, 3]);
});

test("what a peer does for others is its kind", () => {
  assert.deepEqual([[], ["store"], ["store", "bootstrap"], ["new"]].map((kinds) => kindOf({ kinds })),
    ["person", "store", "bootstrap", "person"]);
  assert.equal(kindOf({}), "person");
});

test("the relay is known from the address", () => {
  assert.equal(relayOf(through("B", "R")), "R");
  assert.equal(relayOf(peer("B", { relayed: true, addrs: ["/p2p-circuit"] })), null);
  assert.equal(relayOf(peer("B", { addrs: ["/ip4/1.2.3.4/tcp/1/p2p/R/p2p-circuit"] })), null);
});

test("everybody stands in the same order, however they are told", () => {
  const peers = [peer("C"), peer("A"), through("Z", "A"), peer("B")];
  assert.deepEqual(ids(nodesOf(state(...peers))), ["A", "Z", "B", "C"]);
  assert.deepEqual(nodesOf(state(...peers)), nodesOf(state(...peers.toReversed())));
});

test("a room shows who is in it, the relays to them, and members who are not connected", () => {
  const all = state(peer("A", { rooms: ["lobby"] }), peer("B", { rooms: ["garden"] }), through("C", "R"), peer("R", { kinds: ["relay"] }));
  const members = ["A", "D", "ME"].map((peer_id) => ({ peer_id, name: peer_id }));
  const nodes = nodesOf(all, "lobby", members);
  assert.deepEqual(ids(nodes), ["A", "D", "R", "C"]);
  assert.deepEqual(nodes.map((node) => node.connected), [true, false, true, true]);
});

test("a link goes from me, or from the relay; who is not connected has none", () => {
  const nodes = nodesOf(state(peer("A", { rooms: ["lobby"] }), through("C", "R"), peer("R")), "lobby", [{ peer_id: "D", name: "D" }]);
  const { me, nodes: placed, links } = layOut(nodes, SIZE);
  const at = (id) => { const { x, y } = placed.find((node) => node.id === id); return { x, y }; };
  assert.deepEqual(Object.fromEntries(links.map((link) => [link.node.id, link.from])), { A: me, R: me, C: at("R") });
  assert.ok(links.every((link) => link.to.x === at(link.node.id).x && link.to.y === at(link.node.id).y));
});

for (const count of [1, 2, 3, 7, 11, 45]) {
  test(`${count} stay inside, apart from me and from each other`, () => {
    const peers = Array.from({ length: count }, (_, n) => peer(`P${String(n).padStart(2, "0")}`, { rtt_ms: [null, 5, 100, 300, 900][n % 5] }));
    const { me, nodes } = layOut(nodesOf(state(...peers)), SIZE);
    const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
    for (const node of nodes) {
      assert.ok(node.x >= SIZE.margin.x && node.x <= SIZE.width - SIZE.margin.x, `${node.x}`);
      assert.ok(node.y >= SIZE.margin.y && node.y <= SIZE.height - SIZE.margin.y, `${node.y}`);
      assert.ok(distance(node, me) > 50);
      for (const other of nodes) assert.ok(other === node || distance(node, other) > 8, `${node.id} and ${other.id}`);
    }
  });
}

test("the slower, the further out", () => {
  const { me, nodes } = layOut(nodesOf(state(peer("A", { rtt_ms: 5 }), peer("B", { rtt_ms: 900 }))), SIZE);
  const [fast, slow] = nodes.map((node) => Math.abs(node.x - me.x));
  assert.ok(fast < slow);
});
