// The network as I see it, and where to draw it. Pure: state in, places on a plane out.
//
// A node is {id, name, kind, relayed, rtt, connected, …}; kind is "me", "person", "bootstrap", "relay" or "store".

import { personName } from "./people.js";

const SERVICES = ["bootstrap", "relay", "store"];
const SPEEDS = [50, 150, 400]; // ms: at once, quick, noticeable, slow
const RINGS = [0.62, 0.75, 0.87, 1]; // how far out, of the half width and height
const CROWD = 10; // from so many on, every other one stands further in, so that names have room
export const NAMED = 24; // more nodes than that are drawn without names

// 0 (at once) to 3 (slow); null when nothing was measured.
export function speedOf(rtt) {
  if (rtt === null || rtt === undefined) return null;
  const speed = SPEEDS.findIndex((limit) => rtt < limit);
  return speed < 0 ? SPEEDS.length : speed;
}

export const kindOf = (peer) => SERVICES.find((kind) => peer.kinds?.includes(kind)) ?? "person";

// The relay between us, from an address …/p2p/RELAY/p2p-circuit…; null where the address does not say.
export function relayOf(peer) {
  if (!peer.relayed) return null;
  for (const addr of peer.addrs ?? []) {
    const relay = /\/p2p\/([^/]+)\/p2p-circuit/.exec(addr);
    if (relay) return relay[1];
  }
  return null;
}

// The peers, and with `members` (of the room that is looked at) those of them that are not connected. With a room,
// only who is in it, and the relays through which they are reached.
export function nodesOf(state, room = null, members = []) {
  const inRoom = (peer) => room === null || peer.rooms?.includes(room) || members.some((one) => one.peer_id === peer.peer_id);
  const shown = state.peers.filter(inRoom);
  const relays = new Set(shown.map(relayOf));
  const between = state.peers.filter((peer) => relays.has(peer.peer_id) && !shown.includes(peer));
  const connected = [...shown, ...between].map((peer) => nodeOf(state, peer));
  const known = new Set([state.status?.peer_id, ...connected.map((node) => node.id)]);
  const away = members.filter((one) => !known.has(one.peer_id)).map((one) => ({
    id: one.peer_id, name: one.name || personName(state, one.peer_id), kind: "person", relayed: false, relay: null, rtt: null,
    connected: false, peer: null,
  }));
  // Always in the same order, so that nobody changes places; who is reached through a relay comes beside it.
  const ids = new Set(connected.map((node) => node.id));
  const order = (node) => (ids.has(node.relay) ? `${node.relay} ${node.id}` : node.id);
  return [...connected, ...away].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

const nodeOf = (state, peer) => ({
  id: peer.peer_id,
  name: personName(state, peer.peer_id),
  kind: kindOf(peer),
  relayed: Boolean(peer.relayed),
  relay: relayOf(peer),
  rtt: peer.rtt_ms ?? null,
  connected: true,
  peer,
});

// Round me, who is in the middle; the slower, the further out. Gives {me: {x, y}, nodes: [node and {x, y}], links}.
// A link is {from: {x, y}, to: {x, y}, node}.
export function layOut(nodes, { width, height, margin }) {
  const me = { x: width / 2, y: height / 2 };
  const relays = new Set(nodes.map((node) => node.relay));
  const placed = nodes.map((node, n) => ({ ...node, ...around(me, node, { n, count: nodes.length, margin, relays }) }));
  const byId = new Map(placed.map((node) => [node.id, node]));
  const links = placed.filter((node) => node.connected).map((node) => {
    const from = byId.get(node.relay) ?? me;
    return { node, from: point(from), to: point(node) };
  });
  return { me, nodes: placed, links };
}

function around(me, node, { n, count, margin, relays }) {
  // Two are left and right, four in the corners: names are wider than high.
  const angle = (2 * Math.PI * n) / count + (count > 1 ? Math.PI / count - Math.PI / 2 : 0);
  const far = farOut(node, relays, count > CROWD && n % 2);
  return {
    x: round(me.x + Math.cos(angle) * (me.x - margin.x) * far),
    y: round(me.y + Math.sin(angle) * (me.y - margin.y) * far),
  };
}

function farOut(node, relays, further) {
  if (!node.connected || node.relay) return 1;
  if (relays.has(node.id)) return RINGS[0] * 0.8; // there is more behind it
  const ring = RINGS[speedOf(node.rtt) ?? 2];
  return further ? ring * 0.7 : ring;
}

const point = ({ x, y }) => ({ x, y });
const round = (value) => Math.round(value * 10) / 10;
