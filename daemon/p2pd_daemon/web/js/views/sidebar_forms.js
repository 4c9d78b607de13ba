// The forms of the list of places: enter a room, begin to talk with a person.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { shortId } from "../store/people.js";
import { peerKey } from "../store/places.js";

const WIRES = ["p2pd", "text", "chat-room"];

export function joinForm(state, actions) {
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const room = form.get("room").trim().replace(/^#/, "");
    const wire = form.get("wire");
    if (room && (await actions.join(room, wire === "p2pd" ? undefined : wire))) actions.closePanel();
  };
  return html`<form class="panel enter" @submit=${submit} @keydown=${(event) => leave(event, actions)}>
    <label for="join-room">${t("join.room")}</label>
    <input id="join-room" name="room" required maxlength="64" autocomplete="off" autocapitalize="off" spellcheck="false" data-first>
    <details><summary>${t("join.more")}</summary>
      <label for="join-wire">${t("join.wire")}</label>
      <select id="join-wire" name="wire">${WIRES.map((wire) => html`<option value=${wire}>${t(`wire.${wire}`)}</option>`)}</select>
      <small>${t("join.wire.why")}</small>
    </details>
    <div class="buttons"><button class="primary">${t("join.do")}</button>
      <button type="button" @click=${() => actions.closePanel()}>${t("cancel")}</button></div>
  </form>`;
}

// Everybody who is known by name or connected, and a field for an ID or an address of somebody else.
export function talkForm(state, actions) {
  const me = state.status?.peer_id;
  const known = new Map();
  for (const one of [...state.peers, ...Object.values(state.people)]) {
    if (one.peer_id !== me && !one.blocked) known.set(one.peer_id, one.name || shortId(one.peer_id));
  }
  const people = [...known].sort(([, a], [, b]) => a.localeCompare(b));
  const submit = async (event) => {
    event.preventDefault();
    const given = new FormData(event.target).get("who").trim();
    const byName = people.filter(([, name]) => name.toLowerCase() === given.toLowerCase());
    const peerId = byName.length === 1 ? byName[0][0] : (await actions.connect(given))?.peer_id;
    if (!peerId) return;
    actions.closePanel();
    actions.show(peerKey(peerId));
  };
  return html`<form class="panel enter" @submit=${submit} @keydown=${(event) => leave(event, actions)}>
    <label for="talk-who">${t("talk.who")}</label>
    <input id="talk-who" name="who" required list="talk-known" autocomplete="off" autocapitalize="off" spellcheck="false" data-first>
    <datalist id="talk-known">${people.map(([, name]) => html`<option value=${name}></option>`)}</datalist>
    ${people.length ? nothing : html`<small>${t("talk.nobody")}</small>`}
    <div class="buttons"><button class="primary">${t("talk.do")}</button>
      <button type="button" @click=${() => actions.closePanel()}>${t("cancel")}</button></div>
  </form>`;
}

function leave(event, actions) {
  if (event.key !== "Escape") return;
  event.preventDefault();
  actions.closePanel();
}
