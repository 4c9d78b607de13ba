// A room or a conversation: its head, its messages, and where one writes.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { isRoom, nameOf } from "../store/places.js";
import { composer } from "./composer.js";
import { icons } from "./icons.js";
import { later } from "./later.js";
import { timeline } from "./timeline.js";

const searchPanel = later(async () => (await import("./search.js")).searchPanel, ".search input");
const membersPanel = later(async () => (await import("./members.js")).membersPanel, ".members [data-first]");

export function placePage(state, actions) {
  const { key } = state.route;
  const place = state.places[key];
  if (!place) return state.link === "live" && isRoom(key) ? notJoined(key, actions) : nothing;
  return html`<div class="place">
    ${head(state, place, actions)}
    ${state.search?.key === key ? searchPanel(state, actions) : nothing}
    <div class="middle">
      <div class="talk">${timeline(state, actions)}${composer(state, actions)}</div>
      ${state.panel?.kind === "members" ? membersPanel(state, actions, place) : nothing}
    </div>
  </div>`;
}

function head(state, place, actions) {
  const room = isRoom(place.key);
  const searching = state.search?.key === place.key;
  return html`<header class="place-head">
    <a class="button quiet back" href="#start" title=${t("back")} aria-label=${t("back")}>${icons.back()}</a>
    <div class="names">
      <h1>${room ? html`<span class="sign" aria-hidden="true">#</span>` : nothing}<bdi>${place.title}</bdi></h1>
      <p class="faint">${room ? aboutRoom(place) : aboutPerson(state, place)}</p>
    </div>
    <button type="button" class="quiet" data-search aria-expanded=${searching} title=${t("search")} aria-label=${t("search")}
      @click=${() => (searching ? actions.closeSearch() : actions.openSearch(place.key))}>${icons.search()}</button>
    ${room ? html`<button type="button" class="quiet" data-members aria-expanded=${state.panel?.kind === "members"} title=${t("members")}
      aria-label=${t("members")} @click=${() => actions.toggleMembers(place.key)}>${icons.people()}</button>` : nothing}
  </header>`;
}

function aboutRoom(place) {
  const members = t("room.members", { n: place.members ?? 0 });
  return place.wire && place.wire !== "p2pd" ? `${members} · ${t(`wire.${place.wire}`)}` : members;
}

function aboutPerson(state, place) {
  const here = state.peers.some((peer) => peer.peer_id === nameOf(place.key));
  if (here) return t("person.here");
  return place.queued ? t("person.queued", { n: place.queued }) : t("person.away");
}

const notJoined = (key, actions) => html`<div class="place"><div class="page">
  <a class="button quiet back" href="#start" title=${t("back")} aria-label=${t("back")}>${icons.back()}</a>
  <h1>#<bdi>${nameOf(key)}</bdi></h1>
  <p>${t("room.out")}</p>
  <button type="button" class="primary" @click=${() => actions.join(nameOf(key))}>${t("room.join")}</button>
</div></div>`;
