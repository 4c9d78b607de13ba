// One message: who, when, what; what became of it; and what can be done with it.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { momentOf, timeOf } from "../format.js";
import { locale, t } from "../i18n.js";
import { allowed, deliveryOf } from "../rows.js";
import { keyOf } from "../store/places.js";
import { avatar } from "./avatar.js";
import { icons } from "./icons.js";
import { marked } from "./markup.js";
import { messagePanel, reactions, toolbar } from "./message_tools.js";

export const nameOfAuthor = (message) => message.sender?.nick || message.name || message.nick || message.from.slice(-8);

// `shown`: {first, active, entry, panel, place, me, nick}: see timeline.js, which draws it anew only when one of these changes.
export function messageRow(message, shown, actions) {
  const { first, active, entry, panel, place, me, nick } = shown;
  const can = allowed(message, place, me);
  const name = nameOfAuthor(message);
  const action = message.kind === "action";
  const classes = ["message", first ? "first" : "", message.from === me ? "mine" : "", active || panel ? "active" : ""];
  return html`
    <article class=${classes.filter(Boolean).join(" ")} data-id=${message.id} tabindex=${entry ? 0 : -1}
        aria-label=${t("message.label", { name, time: timeOf(message.ts_ms, locale()) })}
        aria-describedby="q-${message.id} b-${message.id} m-${message.id}">
      ${first && !action ? avatar(name, message.from) : nothing}
      ${first && !action ? head(message, name) : html`<div class="aside" aria-hidden="true">${clock(message)}</div>`}
      ${quote(message, actions)}
      <div class="body" dir="auto" id="b-${message.id}">${body(message, name, action, nick)}</div>
      <div class="marks" id="m-${message.id}">${editedMark(message, panel, actions)} ${deliveryMark(message)}</div>
      ${reactions(message, can, actions)}
      ${active || panel ? toolbar(message, can, panel, actions) : nothing}
      ${panel ? messagePanel(message, panel, actions) : nothing}
    </article>`;
}

const clock = (message) => html`<time datetime=${new Date(message.ts_ms).toISOString()}
  title=${momentOf(message.ts_ms, locale())}>${timeOf(message.ts_ms, locale())}</time>`;

function head(message, name) {
  const { via, sender } = message;
  return html`<header>
    <b class="author"><bdi title=${message.from}>${name}</bdi></b>
    ${clock(message)}
    ${message.caught_up ? note("", t("message.caughtup"), t("message.caughtup.why")) : nothing}
    ${via ? note("warn", html`${icons.open()} ${t("message.unsigned")}`, t("message.unsigned.why", { via })) : nothing}
    ${sender?.claims ? note("warn", t("message.claims", { name: message.name }), t("message.claims.why")) : nothing}
  </header>`;
}

const note = (kind, text, why) => html`<span class="note ${kind}" title=${why}>${text}<span class="unseen">: ${why}</span></span>`;

function body(message, name, action, nick) {
  if (message.deleted) return html`<i class="faint">${t("message.deleted")}</i>`;
  return action ? html`<i><bdi>${name}</bdi> ${marked(message.text, nick)}</i>` : marked(message.text, nick);
}

function quote(message, actions) {
  if (!message.reply_to) return nothing;
  const { quote: quoted } = message;
  if (!quoted) return html`<p class="quote faint" id="q-${message.id}">${t("quote.missing")}</p>`;
  return html`<button type="button" class="quote" id="q-${message.id}" @click=${() => actions.toMessage(keyOf(message), message.reply_to)}
      title=${t("quote.jump")}>
    <b><bdi>${quoted.name || quoted.from.slice(-8)}</bdi></b>
    <span dir="auto">${quoted.deleted ? t("message.deleted") : quoted.text}</span>
  </button>`;
}

function editedMark(message, panel, actions) {
  if (!message.edited || message.deleted) return nothing;
  return html`<button type="button" class="mark" aria-expanded=${panel?.kind === "versions"}
    title=${t("message.edited.why")} @click=${() => actions.toggleVersions(message.id)}>${t("message.edited")}</button>`;
}

const MARKS = { waits: "◷", sent: "✓", got: "✓✓", failed: "✕" };

function deliveryMark(message) {
  const delivery = deliveryOf(message);
  if (!delivery || message.deleted) return nothing;
  const what = t(delivery.key, { n: delivery.n, m: delivery.m, reason: message.reason });
  return html`<span class="mark delivery" data-mark=${delivery.mark} title=${what}>
    <span aria-hidden="true">${MARKS[delivery.mark]}</span><span class="unseen">${what}</span>
    ${delivery.mark === "failed" ? html`<span aria-hidden="true">${t("delivery.failed")}</span>` : nothing}
  </span>`;
}

// What screen readers say when a message comes.
export const spoken = (message) =>
  t("message.spoken", { name: nameOfAuthor(message), text: message.deleted ? t("message.deleted") : message.text });
