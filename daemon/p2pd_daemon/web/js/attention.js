// Says outside of the page that something is unread.

import { unreadOf } from "./store/places.js";

export function watchAttention(store, _actions) {
  store.subscribe((state) => {
    const unread = unreadOf(state.places);
    document.title = unread ? `(${unread}) p2pd` : "p2pd";
  });
}
