// Parts that several pages share: something to copy, its QR code, the field to reach somebody.

import { html, nothing, svg } from "../../vendor/lit-html/lit-html.js";
import { locale, t } from "../i18n.js";
import { qrOf } from "../qr.js";
import { personName } from "../store/people.js";
import { icons } from "./icons.js";

// On a narrow screen the list of places is a page of its own, and this leads back to it.
export const heading = (title, beside = nothing) => html`<div class="heading">
  <div class="title"><a class="button quiet back" href="#start" aria-label=${t("back")} title=${t("back")}>${icons.back()}</a><h1>${title}</h1></div>
  ${beside}</div>`;

// `what` ("id", "address") names it in the words; `mark` tells several of the same kind apart.
export function copyButton(state, actions, { what, mark = what, text }) {
  const { copied } = state.ui;
  const done = copied?.mark === mark && copied.copied;
  return html`<button type="button" class="copy" aria-label=${done ? t("copied") : t(`copy.${what}`)}
    @click=${() => actions.copyFrom(mark, text)}>${done ? t("copied") : t("copy")}</button>`;
}

// Said to screen readers, and shown where copying did not work.
export function copyStatus({ ui: { copied } }) {
  if (copied && !copied.copied) return html`<p class="failed" role="alert">${t("copy.failed")}</p>`;
  return html`<p class="unseen" role="status">${copied ? t("copied") : nothing}</p>`;
}

export function qrButton(state, actions, { what, text }) {
  const open = state.ui.qr === text;
  return html`<button type="button" aria-expanded=${open} @click=${() => actions.ui({ qr: open ? null : text })}
    aria-label=${t(`qr.${what}`)}>${t("qr")}</button>`;
}

export function qrPicture(actions, { what, text }) {
  const code = qrOf(text, () => actions.ui({}));
  if (!code) return html`<div class="qr"></div>`;
  return html`<svg class="qr" role="img" aria-label=${t(`qr.${what}`)} viewBox="0 0 ${code.size} ${code.size}"
    shape-rendering="crispEdges">${svg`<path d=${code.path}></path>`}</svg>`;
}

// A line with something to hand out: its name, itself, buttons, and the QR code where that is open.
export function handOut(state, actions, { what, mark, text, label, note = nothing }) {
  return html`<div class="handout">
    <p class="label">${label} ${note}</p>
    <code class="value">${text}</code>
    <div class="buttons">${copyButton(state, actions, { what, mark, text })}${qrButton(state, actions, { what, text })}</div>
    ${state.ui.qr === text ? qrPicture(actions, { what, text }) : nothing}
  </div>`;
}

export function nickForm({ status, ui, link }, actions) {
  const typed = ui.nick ?? status.nick;
  const save = (event) => {
    event.preventDefault();
    actions.saveNick(event.target.querySelector("input").value); // what was drawn last may lack the latest letters
  };
  return html`<form class="nick" @submit=${save}>
    <label for="nick">${t("nick.label")}</label>
    <div class="row">
      <input id="nick" .value=${typed} placeholder=${t("nick.none")} autocomplete="nickname" maxlength="64"
        aria-describedby="nick-hint" @input=${(event) => actions.ui({ nick: event.target.value, nickSaved: false })}>
      ${typed.trim() === status.nick ? nothing
        : html`<button class="primary" ?disabled=${link !== "live"}>${t("save")}</button>`}
    </div>
    <p class="faint" id="nick-hint" role="status">${t(ui.nickSaved ? "nick.saved" : "nick.hint")}</p>
  </form>`;
}

// `submit(text)` is called with what was pasted.
export function reachForm(state, { submit, focus = false }) {
  const { reaching, reachError } = state.ui;
  const send = (event) => {
    event.preventDefault();
    submit(new FormData(event.target).get("addr"));
  };
  return html`<form class="reach" @submit=${send}>
    <label for="addr">${t("reach.label")}</label>
    <div class="row">
      <input id="addr" name="addr" required autocomplete="off" autocapitalize="off" spellcheck="false" ?autofocus=${focus}
        aria-invalid=${Boolean(reachError)} aria-describedby=${reachError ? "reach-error" : nothing}>
      <button class="primary" ?disabled=${reaching || state.link !== "live"}>${t(reaching ? "reach.busy" : "reach.do")}</button>
    </div>
    <div role="alert">${reachError ? html`<p class="failed" id="reach-error">${reachError.text}
      ${reachError.hint ? html`<small>${reachError.hint}</small>` : nothing}</p>` : nothing}</div>
  </form>`;
}

export const milliseconds = (ms) => t("ms", { ms: new Intl.NumberFormat(locale(), { maximumSignificantDigits: ms < 10 ? 1 : 3 }).format(ms) });

// Contacts show a petname or nickname; strangers are told apart by their ID, which is beside it.
export function person(state, peerId) {
  return html`<span class="person"><b>${personName(state, peerId)}</b> <code class="faint">${peerId}</code></span>`;
}
