// The pages for oneself: their actions, and what they do without being asked.

import { createReaching } from "./reaching.js";
import { createSettling } from "./settling.js";
import { peerKey } from "./store/places.js";
import { stillWaiting, waitingFrom, whoCame } from "./store/pairing.js";

export const createOwn = (store, actions) => ({ ...createReaching(store, actions), ...createSettling(store, actions) });

export function watchOwn(store, actions) {
  let before = null; // what was there when /receive began to wait
  let shown = {};
  let talking; // key of the conversation that /receive or /send shows

  // Opens the conversation with the first who writes or connects.
  function waitForCaller(state) {
    const waiting = state.route.page === "receive" && !state.route.key && state.link === "live";
    const peerId = waiting && before && whoCame(before, state);
    if (!waiting || peerId) before = null;
    else before = before ? stillWaiting(before, state) : waitingFrom(state);
    if (peerId) actions.show(peerKey(peerId));
  }

  // Who waited or called is here to write: the focus goes there, and screen readers say with whom.
  function intoConversation({ route, places }) {
    const key = route.page === "receive" || route.page === "send" ? route.key : undefined;
    if (key === talking || (key && !places[key])) return;
    talking = key;
    if (key) requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector("main textarea")?.focus()));
  }

  store.subscribe((state) => {
    const { route, peers, link } = state;
    const last = shown;
    shown = { page: route.page, peers, link };
    waitForCaller(state);
    intoConversation(state);
    if (link !== "live") return;
    if (route.page === "settings" && (last.page !== "settings" || last.link !== "live")) actions.loadBlocks();
    if (route.page === "network" && peers !== last.peers) actions.loadSeen();
  });
}
