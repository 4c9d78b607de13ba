// Two people, two pages, two clicks: /receive shows its ID and waits, /send takes it and connects. Then both talk.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { bestFirst, fullAddress } from "../store/addresses.js";
import { personName } from "../store/people.js";
import { nameOf } from "../store/places.js";
import { copyButton, copyStatus, qrPicture, reachForm } from "./parts.js";
import { placePage } from "./place.js";

export function receivePage(state, actions) {
  if (state.route.key) return talk(state, actions);
  const { status } = state;
  if (!status) return nothing;
  const [best] = bestFirst(status.addrs);
  const kind = state.ui.kind ?? (status.bootstrap.length ? "id" : "address"); // an ID alone is found by meeting points
  const text = kind === "address" && best ? fullAddress(best, status.peer_id) : status.peer_id;
  return html`<div class="page pair">
    <h1>${t("receive.title")}</h1>
    <p>${t("receive.what")}</p>
    <fieldset class="switch"><legend class="unseen">${t("receive.kind")}</legend>
      ${["address", "id"].map((one) => html`<label><input type="radio" name="kind" .checked=${one === kind}
        @change=${() => actions.ui({ kind: one })}><span>${t(`${one}.label`)}</span></label>`)}
    </fieldset>
    ${qrPicture(actions, { what: kind, text })}
    <code class="value big">${text}</code>
    <p>${copyButton(state, actions, { what: kind, text })}</p>
    <p class="faint">${t(`receive.${kind}`)}</p>
    ${copyStatus(state)}
    <p class="waiting" role="status">${t("receive.waiting")}</p>
    <p class="links"><a href="/send">${t("receive.other")}</a> <a href="/">${t("pair.all")}</a></p>
  </div>`;
}

export function sendPage(state, actions) {
  if (state.route.key) return talk(state, actions);
  return html`<div class="page pair">
    <h1>${t("send.title")}</h1>
    <p>${t("send.what")}</p>
    ${reachForm(state, { submit: actions.reachAndTalk, focus: true })}
    <p class="links"><a href="/receive">${t("send.other")}</a> <a href="/">${t("pair.all")}</a></p>
  </div>`;
}

function talk(state, actions) {
  const peerId = nameOf(state.route.key);
  return html`<div class="pair-talk">
    <p class="unseen" role="status">${t("pair.with", { name: personName(state, peerId) })}</p>
    <p class="pair-bar"><a class="again" href="#start">${t("pair.again")}</a> <a href="/#peer/${peerId}">${t("pair.all")}</a></p>
    ${placePage(state, actions)}
  </div>`;
}
