// The list of rooms and conversations, and the ways to new ones.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { whenOf } from "../format.js";
import { locale, t } from "../i18n.js";
import { linkTo } from "../router.js";
import { isRoom, nameOf, sortedPlaces } from "../store/places.js";
import { avatar } from "./avatar.js";
import { icons } from "./icons.js";
import { joinForm, talkForm } from "./sidebar_forms.js";

export function sidebar(state, actions) {
  const { rooms, conversations } = sortedPlaces(state.places);
  const { status, panel } = state;
  return html`<nav aria-label=${t("places")} @keydown=${walk}>
    <a class="self" href="#start" aria-current=${current(state.route.page === "start")}>
      ${avatar(status?.nick || "p2pd", status?.peer_id ?? "")}
      <span><b><bdi>${status?.nick || t("me.noname")}</bdi></b><small>${t("me.about")}</small></span>
    </a>
    <div class="places">
      ${part("rooms", rooms, "join", state, actions)}
      ${panel?.kind === "join" ? joinForm(state, actions) : nothing}
      ${list("rooms", rooms, state)}
      ${part("people", conversations, "talk", state, actions)}
      ${panel?.kind === "talk" ? talkForm(state, actions) : nothing}
      ${list("people", conversations, state)}
    </div>
    <div class="ways">
      ${["network", "settings"].map((page) => html`<a class="button quiet" href=${`#${page}`}
        aria-current=${current(state.route.page === page)}>${icons[page]()} ${t(page)}</a>`)}
    </div>
  </nav>`;
}

const current = (is) => (is ? "page" : nothing);

const part = (name, places, opens, { panel }, actions) => html`<div class="part">
  <h2>${t(`places.${name}`)}</h2>
  <button type="button" class="quiet" aria-expanded=${panel?.kind === opens} title=${t(`${opens}.open`)}
    aria-label=${t(`${opens}.open`)} @click=${() => actions.toggle(opens)}>${icons.plus()}</button>
</div>`;

function list(name, places, state) {
  if (!places.length) return html`<p class="faint none">${t(`places.${name}.none`)}</p>`;
  return html`<ul aria-label=${t(`places.${name}`)}>${repeat(places, (place) => place.key, (place) => entry(place, state))}</ul>`;
}

function entry(place, state) {
  const room = isRoom(place.key);
  const draft = state.route.key !== place.key && state.drafts[place.key];
  const here = !room && state.peers.some((peer) => peer.peer_id === nameOf(place.key));
  return html`<li><a class="entry ${place.unread ? "unread" : ""}" href=${linkTo(place.key)}
      aria-current=${current(state.route.key === place.key)}>
    ${room ? html`<span class="avatar" aria-hidden="true">#</span>` : avatar(place.title, nameOf(place.key))}
    ${here ? html`<span class="here" title=${t("person.here")}><span class="unseen">${t("person.here")}</span></span>` : nothing}
    <span class="title"><bdi>${place.title}</bdi></span>
    <small class="when">${place.last_ts_ms ? whenOf(place.last_ts_ms, locale(), Date.now()) : nothing}</small>
    <span class="last">${draft ? html`<i>${t("draft")}</i> ${draft}` : preview(place, room, state)}</span>
    ${place.unread ? html`<span class="count"><span aria-hidden="true">${place.unread > 999 ? "999+" : place.unread}</span>
      <span class="unseen">${t("unread", { n: place.unread })}</span></span>` : nothing}
  </a></li>`;
}

function preview({ last }, room, { status }) {
  if (!last) return nothing;
  if (last.deleted) return html`<i>${t("message.deleted")}</i>`;
  const mine = last.from === status?.peer_id;
  const who = mine ? t("me") : last.sender?.nick || last.name || last.nick;
  return room || mine ? html`<bdi>${who}</bdi>: ${last.text}` : last.text;
}

// Arrows go through the list, as they do in every list of this kind.
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.altKey || event.target.closest("input, select, textarea")) return;
  const links = [...event.currentTarget.querySelectorAll("a")];
  const next = links[links.indexOf(event.target.closest("a")) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
