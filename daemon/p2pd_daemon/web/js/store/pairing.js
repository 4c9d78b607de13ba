// Who came while /receive waited. `before` is {peers: peer IDs, said: {peer ID → time of the last message}}.

import { isRoom, nameOf } from "./places.js";

const SERVES = new Set(["bootstrap", "relay", "store"]); // nodes that keep things running, and talk to nobody

export function waitingFrom(state) {
  return { peers: new Set(state.peers.map((peer) => peer.peer_id)), said: lastSaid(state.places) };
}

// The peer ID of who wrote, or else of who connected. Members of my rooms connect for these: they only count when
// they write. Null while nobody came.
export function whoCame(before, state) {
  const said = lastSaid(state.places);
  const writer = Object.keys(said).find((peerId) => said[peerId] > (before.said[peerId] ?? 0) && state.places[`peer:${peerId}`].unread);
  if (writer) return writer;
  const caller = state.peers.find((peer) => !before.peers.has(peer.peer_id) && mayCall(peer, state.places));
  return caller?.peer_id ?? null;
}

// Who hangs up and calls again has come, too.
export function stillWaiting(before, state) {
  const here = new Set(state.peers.map((peer) => peer.peer_id));
  return { ...before, peers: new Set([...before.peers].filter((peerId) => here.has(peerId))) };
}

function mayCall({ direction, kinds = [], rooms = [] }, places) {
  return direction === "in" && !kinds.some((kind) => SERVES.has(kind)) && !rooms.some((room) => `room:${room}` in places);
}

function lastSaid(places) {
  const said = {};
  for (const place of Object.values(places)) {
    if (!isRoom(place.key) && place.last_ts_ms) said[nameOf(place.key)] = place.last_ts_ms;
  }
  return said;
}
