// What each event of the daemon's stream changes here. What an event does not tell is asked for: `refresh`.

import { peerKey, roomKey } from "./store/places.js";

const keyIn = (data) => (data.room ? roomKey(data.room) : peerKey(data.peer));

function changed(message, store, actions) {
  store.dispatch({ type: "changed", message });
  actions.refresh("places");
}

// Records came that may belong anywhere between those that are shown.
function filled(data, _store, actions) {
  actions.refresh("places");
  actions.changedBehind(keyIn(data));
}

export const EVENTS = {
  message(message, _store, actions) {
    actions.arrived(message);
    actions.told(message);
    actions.refresh("places");
  },
  edit: changed,
  delete: changed,
  reaction: changed,
  delivery: (data, _store, actions) => actions.delivered(data),
  held: (data, _store, actions) => actions.changedBehind(keyIn(data)), // the counts at one's own messages
  profile(_data, store, actions) {
    actions.refresh("people", "places", "peers", "status");
    for (const key of Object.keys(store.state.timelines)) actions.changedBehind(key); // names at messages
  },
  peer: (_data, _store, actions) => actions.refresh("peers", "people", "status"),
  member(data, store, actions) {
    const { panel, route } = store.state;
    if (panel?.kind === "members" && route.key === roomKey(data.room)) actions.loadMembers(route.key);
    actions.refresh("places");
  },
  room: (_data, _store, actions) => actions.refresh("places"),
  synced: filled,
  imported: filled,
  gap(_data, store, actions) {
    store.dispatch({ type: "stale" });
    actions.refresh("places", "people", "peers", "status");
    actions.reload();
  },
};
