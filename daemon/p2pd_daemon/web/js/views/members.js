// Who is in a room, with a way to talk with each alone; and the way out of the room.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { linkTo } from "../router.js";
import { nameOf, peerKey } from "../store/places.js";
import { avatar } from "./avatar.js";
import { icons } from "./icons.js";

export function membersPanel(state, place, actions) {
  const { panel, status } = state;
  if (panel?.kind !== "members") return nothing;
  const close = (event) => {
    if (event.key === "Escape") actions.closeMembers();
  };
  return html`<aside class="panel members" aria-label=${t("members")} @keydown=${close}>
    <div class="part"><h2>${t("members")}</h2>
      <button type="button" class="quiet" data-first title=${t("members.close")} aria-label=${t("members.close")}
        @click=${actions.closeMembers}>${icons.close()}</button></div>
    <ul>
      ${status ? html`<li>${avatar(status.nick || "p2pd", status.peer_id)} <span><bdi>${status.nick || t("me.noname")}</bdi> <small>${t("me")}</small></span></li>` : nothing}
      ${(panel.members ?? []).filter((one) => one.peer_id !== status?.peer_id).map((one) => html`<li>
        ${avatar(one.name, one.peer_id)}
        <a href=${linkTo(peerKey(one.peer_id))} title=${t("members.talk", { name: one.name })}><bdi>${one.name}</bdi></a></li>`)}
    </ul>
    <button type="button" class="leave" @click=${() => actions.leave(place.key)}>${icons.leave()} ${t("room.leave", { name: nameOf(place.key) })}</button>
  </aside>`;
}
