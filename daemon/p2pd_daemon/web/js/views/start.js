// The first minute: who I am, what to give to others, and how to reach them.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { linkTo } from "../router.js";
import { bestFirst, fullAddress, reachOf } from "../store/addresses.js";
import { peerKey } from "../store/places.js";
import { copyStatus, handOut, nickForm, person, reachForm } from "./parts.js";

export function startPage(state, actions) {
  const { status } = state;
  if (!status) return nothing;
  return html`<div class="page">
    <h1>${t("start.title")}</h1>
    ${nickForm(state, actions)}
    <section aria-labelledby="handout-title">
      <h2 id="handout-title">${t("handout.title")}</h2>
      <p class="faint">${t("handout.what")}</p>
      ${handOut(state, actions, { what: "id", text: status.peer_id, label: t("id.label") })}
      ${addresses(state, actions)}
      ${copyStatus(state)}
    </section>
    <section aria-labelledby="reach-title">
      <h2 id="reach-title">${t("reach.title")}</h2>
      ${reachForm(state, { submit: actions.reach })}
      ${reachedPerson(state)}
    </section>
    <section aria-labelledby="next-title">
      <h2 id="next-title">${t("next.title")}</h2>
      <p class="faint">${t("next.what")}</p>
      ${roomForm(actions)}
      <p class="links">${t("next.pair")} <a href="/receive">${t("next.receive")}</a>, <a href="/send">${t("next.send")}</a></p>
    </section>
  </div>`;
}

function addresses(state, actions) {
  const { peer_id: me, addrs } = state.status;
  const [best, ...more] = bestFirst(addrs).map((addr) => fullAddress(addr, me));
  if (!best) return html`<p class="faint">${t("address.none")}</p>`;
  const line = (text, n) => handOut(state, actions, {
    what: "address", mark: `address ${n}`, text, label: t("address.label"),
    note: html`<small class="tag">${t(`reach.${reachOf(text)}`)}</small>`,
  });
  return html`${line(best, 0)}
    ${more.length ? html`<details class="more"><summary>${t("address.more", { n: more.length })}</summary>
      ${more.map((addr, n) => line(addr, n + 1))}</details>` : nothing}`;
}

function reachedPerson(state) {
  const { reached } = state.ui;
  if (!reached) return html`<div role="status"></div>`;
  const { peer_id: peerId } = reached;
  return html`<div role="status"><div class="reached">
    <p>${t("reached")} ${person(state, peerId)}</p>
    <a class="button primary" href=${linkTo(peerKey(peerId))}>${t("talk")}</a>
  </div></div>`;
}

function roomForm(actions) {
  const join = (event) => {
    event.preventDefault();
    actions.join(new FormData(event.target).get("room").trim());
  };
  return html`<form @submit=${join}>
    <label for="room-name">${t("next.room")}</label>
    <div class="row">
      <input id="room-name" name="room" required placeholder="lobby" autocomplete="off" autocapitalize="off" spellcheck="false">
      <button>${t("next.join")}</button>
    </div>
  </form>`;
}
