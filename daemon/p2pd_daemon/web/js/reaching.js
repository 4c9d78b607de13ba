// Being found and finding others: the own nickname, what to hand out, connecting, who is there.

import { ApiError, get, post } from "./api.js";
import { peerKey } from "./store/places.js";

const COPIED_MS = 4000; // how long a button says "copied"

export function createReaching(store, actions) {
  const ui = (fields) => store.dispatch({ type: "ui", ui: fields });
  let copiedTimer = 0;

  // `mark` names the button that was pressed.
  async function copyFrom(mark, text) {
    clearTimeout(copiedTimer);
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copied = false; // not allowed, or no clipboard: the text can be marked by hand
    }
    ui({ copied: { mark, copied } });
    copiedTimer = setTimeout(() => ui({ copied: null }), COPIED_MS);
  }

  async function saveNick(nick) {
    const saved = await actions.attempt(() => post("/v1/nick", { nick: nick.trim() }));
    if (!saved) return;
    store.dispatch({ type: "status", status: { ...store.state.status, nick: saved.nick } });
    ui({ nick: undefined, nickSaved: true });
  }

  // The error stays at the field: it is about what stands there.
  async function reach(addr) {
    const wanted = addr.trim();
    if (!wanted || store.state.ui.reaching) return undefined;
    ui({ reaching: true, reached: null, reachError: null });
    try {
      const reached = await post("/v1/connect", { addr: wanted });
      actions.refresh("peers", "people");
      ui({ reaching: false, reached });
      return reached;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      ui({ reaching: false, reachError: { text: error.message, hint: error.hint } });
      return undefined;
    }
  }

  // Who is in the room that the network view looks at; null is all rooms.
  async function watchRoom(room) {
    ui({ room, chosen: null });
    await loadSeen();
  }

  async function loadSeen() {
    const { room } = store.state.ui;
    if (!room) return;
    const list = await actions.attempt(() => get("/v1/members", { room }), { quiet: true });
    if (list && store.state.ui.room === room) ui({ members: { room, list } });
  }

  const own = {
    ui, copyFrom, saveNick, reach, watchRoom, loadSeen,

    // What this shows gets the focus as soon as it is drawn.
    reveal(fields, selector) {
      ui(fields);
      requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector(selector)?.focus()));
    },
    choosePeer: (peerId) => own.reveal({ chosen: peerId }, "#details-title"),

    async reachAndTalk(addr) {
      const reached = await reach(addr);
      if (reached) actions.show(peerKey(reached.peer_id));
    },
    async hangUp(peerId) {
      if (!(await actions.attempt(() => post("/v1/disconnect", { peer: peerId })))) return;
      actions.refresh("peers");
      own.reveal({ chosen: null }, "#main");
    },
    async ping(peerId) {
      ui({ pinging: peerId });
      const pinged = await actions.attempt(() => post("/v1/ping", { peer: peerId, count: 3 }));
      ui({ pinging: null, pinged: pinged && { peerId, ms: Math.min(...pinged.rtt_ms) } });
      actions.refresh("peers");
    },
  };
  return own;
}
