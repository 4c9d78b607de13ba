// What is open beside or below the messages; opening something moves the focus into it.

import { get } from "./api.js";
import { nameOf } from "./store/places.js";
import { personName } from "./store/people.js";

export function createPanels(store, actions) {
  const { dispatch } = store;
  let opener = null; // the button that the focus goes back to
  const open = (panel) => dispatch({ type: "panel", panel });
  const isOpen = (kind, id) => store.state.panel?.kind === kind && store.state.panel.id === id;

  const intoIt = () => requestAnimationFrame(() => requestAnimationFrame(() => {
    document.querySelector(".panel [data-first], .panel[data-first]")?.focus();
  }));

  return {
    offer: (offer) => dispatch({ type: "offer", offer }),
    // After drawing, so that what was put in by then is there, with the caret at its end.
    intoComposer: () => requestAnimationFrame(() => requestAnimationFrame(() => {
      const box = document.querySelector(".composer textarea");
      box?.focus();
      box?.setSelectionRange(box.value.length, box.value.length);
    })),
    // `id` is the message that it belongs to, or undefined.
    toggle(kind, id) {
      if (!isOpen(kind, id)) opener = document.activeElement;
      open(isOpen(kind, id) ? null : { kind, id });
      if (store.state.panel) intoIt();
    },
    closePanel(id) {
      open(null);
      if (id) document.querySelector(`[data-id="${CSS.escape(id)}"]`)?.focus();
      else opener?.focus();
    },
    async toggleMembers(key) {
      if (isOpen("members", undefined)) return open(null);
      open({ kind: "members" });
      intoIt();
      return actions.loadMembers(key);
    },
    async loadMembers(key) {
      const members = await actions.attempt(() => get("/v1/members", { room: nameOf(key) }), { quiet: true });
      if (members && isOpen("members", undefined)) open({ kind: "members", members });
    },
    closeMembers() {
      open(null);
      document.querySelector("[data-members]")?.focus();
    },
    async toggleVersions(id) {
      if (isOpen("versions", id)) return open(null);
      const found = await actions.attempt(() => get("/v1/message", { id }));
      return found && open({ kind: "versions", id, versions: found.versions });
    },
    nameOfPeer(peerId) {
      const { status } = store.state;
      return (peerId === status?.peer_id && status.nick) || personName(store.state, peerId);
    },
  };
}
