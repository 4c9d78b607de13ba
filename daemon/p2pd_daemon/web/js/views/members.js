// Who is in a room, with a way to talk with each alone; and the way out of the room.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { linkTo } from "../router.js";
import { nameOf, peerKey } from "../store/places.js";
import { avatar } from "./avatar.js";
import { icons } from "./icons.js";

export function membersPanel({ panel }, actions, place) {
  const close = (event) => {
    if (event.key === "Escape") actions.closeMembers();
  };
  return html`<aside class="panel members" aria-label=${t("members")} @keydown=${close}>
    <div class="part"><h2>${t("members")}</h2>
      <button type="button" class="quiet" data-first title=${t("members.close")} aria-label=${t("members.close")}
        @click=${actions.closeMembers}>${icons.close()}</button></div>
    <ul>
      ${(panel.members ?? []).map(one)}
    </ul>
    <button type="button" class="leave" @click=${() => actions.leave(place.key)}>${icons.leave()} ${t("room.leave", { name: nameOf(place.key) })}</button>
  </aside>`;
}

function one({ peer_id: peerId, name, connected, me }) {
  if (me) return html`<li>${avatar(name, peerId)} <span><bdi>${name}</bdi> <small>${t("me")}</small></span></li>`;
  return html`<li class=${connected ? "" : "away"}>${avatar(name, peerId)}
    <span><a href=${linkTo(peerKey(peerId))} title=${t("members.talk", { name })}><bdi>${name}</bdi></a>
      ${connected ? nothing : html`<small>${t("members.away")}</small>`}</span></li>`;
}
