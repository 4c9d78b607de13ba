// What the address says to show. Names are behind the #, so that they reach no server log:
// /#room/NAME, /#peer/PEER_ID, /#network, /#settings; and two paths of their own: /receive and /send.

import { peerKey, roomKey } from "./store/places.js";

const PAGES = new Set(["start", "network", "settings"]);

export function parseRoute(pathname, hash) {
  if (pathname === "/receive" || pathname === "/send") return { page: pathname.slice(1), ...chatting(hash) };
  const [kind, ...rest] = hash.replace(/^#/, "").split("/");
  const name = decoded(rest.join("/"));
  if (kind === "room" && name) return { page: "place", key: roomKey(name) };
  if (kind === "peer" && name) return { page: "place", key: peerKey(name) };
  return { page: PAGES.has(kind) ? kind : "start" };
}

// /receive and /send go on with the conversation in the same simple page: /send#peer/PEER_ID
const chatting = (hash) => (hash.startsWith("#peer/") ? { key: peerKey(decoded(hash.slice(6))) } : {});

export const linkTo = (key) => `#${key.startsWith("room:") ? "room" : "peer"}/${encodeURIComponent(key.slice(5))}`;

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
