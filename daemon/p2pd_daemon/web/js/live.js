// Keeps the state true: loads it, follows the event stream, and loads again what an event cannot tell.

import { ApiError, get } from "./api.js";
import { peerKey, roomKey } from "./store/places.js";
import { openStream } from "./stream.js";

const TOGETHER_MS = 150; // events come in bursts: lists are loaded once for all that come within
const AGAIN_MS = 2000; // between two attempts to reach a daemon that is gone
const PEERS_MS = 10_000; // round-trip times change without an event

export async function followDaemon(store, actions) {
  const lists = { places: loadPlaces, people: loadPeople, peers: loadPeers, status: loadStatus };
  const due = new Set();
  let timer = 0;

  async function loadStatus() {
    const status = await get("/v1/status");
    store.dispatch({ type: "status", status });
    return status;
  }

  async function loadPlaces() {
    const [rooms, conversations] = await Promise.all([get("/v1/rooms"), get("/v1/conversations")]);
    store.dispatch({ type: "places", rooms, conversations });
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
        if (!(error instanceof ApiError)) throw error; // the stream tells when the daemon is gone
      }
    }, TOGETHER_MS);
  }
  actions.refresh = refresh;

  function take(kind, data) {
    switch (kind) {
      case "message":
        store.dispatch({ type: "message", message: data });
        actions.arrived(data);
        refresh("places");
        break;
      case "edit":
      case "delete":
      case "reaction":
        store.dispatch({ type: "changed", message: data });
        refresh("places");
        break;
      case "delivery":
        actions.delivered(data);
        break;
      case "held":
        actions.heldChanged(roomKey(data.room));
        break;
      case "profile":
        refresh("people", "places", "peers", "status");
        break;
      case "peer":
        refresh("peers", "people", "status");
        break;
      case "member":
      case "room":
        refresh("places");
        break;
      case "synced":
      case "imported":
        refresh("places");
        actions.fill(data.room ? roomKey(data.room) : peerKey(data.peer));
        break;
      case "gap":
        store.dispatch({ type: "stale" });
        refresh("places", "people", "peers", "status");
        actions.reload();
        break;
    }
  }

  async function loadAll() {
    const status = await loadStatus(); // first: events from here on are told by the stream
    await Promise.all([loadPlaces(), loadPeople(), loadPeers()]);
    return status;
  }

  for (;;) {
    try {
      const status = await loadAll();
      store.dispatch({ type: "link", link: "live" });
      actions.reload();
      openStream({
        event: take,
        open: (resumed) => {
          store.dispatch({ type: "link", link: "live" });
          if (resumed) refresh("places", "people", "peers", "status");
        },
        lost: () => store.dispatch({ type: "link", link: "lost" }),
      }, status.newest_event);
      setInterval(() => document.hidden || refresh("peers"), PEERS_MS);
      return;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      store.dispatch({ type: "link", link: error.status === 401 ? "denied" : "lost" });
      if (error.status === 401) return;
      await new Promise((go) => setTimeout(go, AGAIN_MS));
    }
  }
}

