// Keeps the state true: loads it, follows the event stream, and loads again what an event cannot tell.

import { ApiError, get } from "./api.js";
import { EVENTS } from "./events.js";
import { timelineOf } from "./store/timeline.js";
import { peerKey, roomKey } from "./store/places.js";
import { openEvents } from "./shared.js";

const TOGETHER_MS = 250; // events come in bursts: lists are loaded once for all that come within
const AGAIN_MS = 2000; // between two attempts to reach a daemon that is gone
const PEERS_MS = 10_000; // round-trip times change without an event

export async function followDaemon(store, actions) {
  const lists = { places: loadPlaces, people: loadPeople, peers: loadPeers, status: loadStatus };
  const due = new Set();
  let timer = 0;
  let stream;

  async function loadStatus() {
    const status = await get("/v1/status");
    store.dispatch({ type: "status", status });
    return status;
  }

  async function loadPlaces() {
    const [rooms, conversations] = await Promise.all([get("/v1/rooms"), get("/v1/conversations")]);
    const { key } = store.state.route;
    const shown = timelineOf(store.state, key).messages.length > 0; // a page that was opened here has shown nothing yet
    const watched = shown && actions.watched(key) ? key : undefined;
    store.dispatch({ type: "places", rooms, conversations, watched });
    const here = [...rooms, ...conversations].find((one) => (one.room === undefined ? peerKey(one.peer_id) : roomKey(one.room)) === watched);
    if (here?.unread) actions.read(watched); // the daemon does not know yet that it is seen
  }

  async function loadPeople() {
    store.dispatch({ type: "people", people: await get("/v1/contacts") });
  }

  async function loadPeers() {
    store.dispatch({ type: "peers", peers: await get("/v1/peers") });
  }

  function refresh(...names) {
    for (const name of names) due.add(name);
    timer ||= setTimeout(async () => {
      timer = 0;
      const now = [...due];
      due.clear();
      try {
        await Promise.all(now.map((name) => lists[name]()));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 0 && store.state.link === "live") stream?.again();
      }
    }, TOGETHER_MS);
  }
  actions.refresh = refresh;
  actions.loadPlaces = () => actions.attempt(loadPlaces, { quiet: true });

  // Gone, or it does not know this browser any more: the stream's error does not say which.
  async function lost() {
    if (store.state.link === "live") store.dispatch({ type: "link", link: "lost" });
    try {
      await get("/v1/status");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 401) return;
      stream.close();
      store.dispatch({ type: "link", link: "denied" });
    }
  }

  async function loadLimits() {
    const settings = await get("/v1/config");
    store.dispatch({ type: "limits", textBytes: settings.find((one) => one.key === "limits.text_bytes")?.value ?? 0 });
  }

  async function loadAll() {
    const status = await loadStatus(); // first: events from here on are told by the stream
    await Promise.all([loadPlaces(), loadPeople(), loadPeers(), loadLimits()]);
    return status;
  }

  for (;;) {
    try {
      const status = await loadAll();
      store.dispatch({ type: "link", link: "live" });
      actions.reload();
      stream = openEvents(Object.keys(EVENTS), {
        event: (kind, data) => EVENTS[kind](data, store, actions),
        open: (resumed) => {
          store.dispatch({ type: "link", link: "live" });
          if (!resumed) return;
          refresh("places", "people", "peers", "status");
          actions.reload(); // what could not be asked for while it was gone
        },
        lost,
      }, status.newest_event);
      setInterval(() => document.hidden || store.state.link !== "live" || refresh("peers"), PEERS_MS);
      return;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      store.dispatch({ type: "link", link: error.status === 401 ? "denied" : "lost" });
      if (error.status === 401) return;
      await new Promise((go) => setTimeout(go, AGAIN_MS));
    }
  }
}

