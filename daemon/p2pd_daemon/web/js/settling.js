// The settings that the daemon keeps: whom to block, what to call people, exports, the token.

import { ApiError, get, post } from "./api.js";
import { exportName, exportText } from "./store/export.js";
import { nameOf, whereOf } from "./store/places.js";

export function createSettling(store, actions) {
  const ui = (fields) => store.dispatch({ type: "ui", ui: fields });

  async function change(path, body) {
    const done = await actions.attempt(() => post(path, body));
    if (done) actions.refresh("people", "places", "peers");
    if (done) loadBlocks();
    return Boolean(done);
  }

  // Those who were blocked without ever having had a name are no contacts.
  async function loadBlocks() {
    const blocks = await actions.attempt(() => get("/v1/blocks"), { quiet: true });
    if (blocks) ui({ blocks });
  }

  // Every page of it, as one file; what `p2pd export` writes.
  async function pagesOf(key) {
    const parts = [];
    let lines = 0;
    for (let query = whereOf(key); query;) {
      const page = await get("/v1/export", query);
      parts.push(new Blob([exportText(page)])); // a Blob need not stay in memory, a string does
      lines += page.lines.length;
      ui({ exporting: { key, lines } });
      query = page.next && { cursor: page.next };
    }
    return { parts, lines };
  }

  return {
    loadBlocks,
    block: (peer) => change("/v1/block", { peer }),
    unblock: (peer) => change("/v1/unblock", { peer }),
    petname: (peer, petname) => (petname.trim()
      ? change("/v1/contacts", { peer, petname: petname.trim() })
      : change("/v1/contacts/remove", { peer })),

    async exportPlace(key) {
      if (store.state.ui.exporting) return;
      ui({ exporting: { key, lines: 0 }, exported: null });
      const got = await actions.attempt(() => pagesOf(key));
      ui({ exporting: null, exported: got && { key, lines: got.lines } });
      if (got) save(new Blob(got.parts, { type: "application/jsonl" }), exportName(store.state.places[key]?.title ?? nameOf(key), new Date()));
    },

    // This browser is let in again by the link that comes back; all others need a new one.
    async resetToken() {
      try {
        const { link } = await post("/v1/token/reset");
        location.assign(link?.path ?? "/");
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        actions.notice({ kind: "error", text: error.message, hint: error.hint });
      }
    },

    // The browser asks its person only when a rule is switched on.
    async notify(rule, wanted) {
      let permission = "unsupported";
      if ("Notification" in window) {
        permission = wanted && Notification.permission === "default" ? await Notification.requestPermission() : Notification.permission;
      }
      const rules = { ...store.state.preferences.notify, [rule]: wanted && permission === "granted" };
      actions.prefer({ notify: rules });
      ui({ notifyRefused: wanted && permission !== "granted" ? permission : null });
    },
  };
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser may ask first where to
}
