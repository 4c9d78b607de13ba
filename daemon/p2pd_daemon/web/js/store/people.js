// How people are called.

export const shortId = (peerId) => (peerId.length > 16 ? `${peerId.slice(0, 6)}…${peerId.slice(-6)}` : peerId);

export function personName(state, peerId) {
  const peer = state.peers.find((one) => one.peer_id === peerId);
  return state.people[peerId]?.name || peer?.name || shortId(peerId);
}
