// Places: the rooms this node is in, and the conversations with one person each. A place's key is `room:NAME` or
// `peer:PEER_ID`; names are never used as keys without that, so that no name can be `__proto__`.

import { shortId } from "./people.js";

export const roomKey = (name) => `room:${name}`;
export const peerKey = (peerId) => `peer:${peerId}`;
export const keyOf = (message) => (message.room === null || message.room === undefined ? peerKey(message.peer) : roomKey(message.room));
export const isRoom = (key) => key.startsWith("room:");
export const nameOf = (key) => key.slice(5);

// What to ask the API for: {room: NAME} or {peer: PEER_ID}.
export const whereOf = (key) => (isRoom(key) ? { room: nameOf(key) } : { peer: nameOf(key) });

// The daemon gives the whole peer ID for somebody without a name, so that it can be looked up.
const titleOf = (one) => (one.name === one.peer_id ? shortId(one.peer_id) : one.name);

export function reducePlaces(state, action) {
  switch (action.type) {
    case "places": {
      const places = {};
      for (const room of action.rooms) {
        places[roomKey(room.room)] = { key: roomKey(room.room), title: room.room, ...room };
      }
      for (const one of action.conversations) {
        places[peerKey(one.peer_id)] = { key: peerKey(one.peer_id), title: titleOf(one), ...one };
      }
      const open = state.places[state.route.key];
      if (open && !isRoom(open.key)) places[open.key] ??= open; // nothing was said there yet
      const seen = places[action.watched]; // what comes while somebody looks is as good as read
      if (seen?.unread) places[seen.key] = { ...seen, unread: 0 };
      return { ...state, places };
    }
    case "message":
      return changePlace(state, keyOf(action.message), (place) => ({
        ...place,
        unread: place.unread + (action.counted ? 1 : 0),
        ...(action.message.ts_ms >= (place.last_ts_ms ?? 0) && { last_ts_ms: action.message.ts_ms, last: action.message }),
      }));
    case "left":
      return { ...state, places: without(state.places, action.key) };
    case "place-opened": // a conversation with somebody to whom nothing was said yet
      if (state.places[action.key]) return state;
      return {
        ...state,
        places: { ...state.places, [action.key]: { key: action.key, title: action.title, unread: 0, last_ts_ms: null } },
      };
    case "read":
      return changePlace(state, action.key, (place) => (place.unread ? { ...place, unread: 0 } : place));
    default:
      return state;
  }
}

function without(places, key) {
  const { [key]: _, ...rest } = places;
  return rest;
}

function changePlace(state, key, change) {
  const place = state.places[key];
  const changed = place && change(place);
  return changed === place ? state : { ...state, places: { ...state.places, [key]: changed } };
}

// Rooms first, then conversations, each with the latest on top; those in which nothing was said yet come last.
export function sortedPlaces(places) {
  const latest = (a, b) => (b.last_ts_ms ?? 0) - (a.last_ts_ms ?? 0) || a.title.localeCompare(b.title);
  const all = Object.values(places);
  return {
    rooms: all.filter((place) => isRoom(place.key)).sort(latest),
    conversations: all.filter((place) => !isRoom(place.key)).sort(latest),
  };
}

export const unreadOf = (places) => Object.values(places).reduce((sum, place) => sum + (place.unread || 0), 0);
