// What can be done with a message: its buttons, the reactions to it, and what opens below it.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { momentOf } from "../format.js";
import { locale, t } from "../i18n.js";
import { icons } from "./icons.js";

const SYMBOLS = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "✅"];

const SHORTCUTS = { react: "+", reply: "r", edit: "e", copy: "c", remove: "Delete" }; // see timeline_keys.js

export function reactions(message, can, actions) {
  if (!message.reactions.length || message.deleted) return nothing;
  return html`<ul class="reactions" aria-label=${t("reactions")}>
    ${message.reactions.map(({ symbol, count, mine, by }) => html`<li>
      <button type="button" aria-pressed=${mine} ?disabled=${!can.react} title=${by.map(actions.nameOfPeer).join(", ")}
          aria-label=${t("reactions.one", { symbol, n: count })} @click=${() => actions.react(message.id, symbol, mine)}>
        ${symbol} <span>${count}</span></button></li>`)}
  </ul>`;
}

export function toolbar(message, can, panel, actions) {
  const button = (what, act) => can[what]
    ? html`<button type="button" class="quiet" title=${`${t(`act.${what}`)} (${SHORTCUTS[what]})`}
        aria-label=${t(`act.${what}`)} aria-keyshortcuts=${SHORTCUTS[what]}
        aria-expanded=${what === "react" || what === "remove" ? String(panel?.kind === what) : nothing}
        @click=${act}>${icons[what]()}</button>`
    : nothing;
  return html`<div class="tools" role="group" aria-label=${t("act.all")}>
    ${button("react", () => actions.toggle("react", message.id))}
    ${button("reply", () => actions.reply(message))}
    ${button("edit", () => actions.edit(message))}
    ${button("copy", () => actions.copy(message.text))}
    ${button("remove", () => actions.toggle("remove", message.id))}
  </div>`;
}

export function messagePanel(message, panel, actions) {
  const close = () => actions.closePanel(message.id);
  switch (panel.kind) {
    case "react":
      return picker(message, close, actions);
    case "remove":
      return html`<div class="panel ask" role="group" aria-label=${t("act.remove")}>
        <span>${t("remove.ask")}</span>
        <button type="button" class="primary" data-first
          @click=${() => { close(); actions.remove(message.id); }}>${t("act.remove")}</button>
        <button type="button" @click=${close}>${t("cancel")}</button>
      </div>`;
    case "versions":
      return html`<ol class="panel versions" aria-label=${t("versions")}>
        ${(panel.versions ?? []).map((one) => html`<li>
          <small>${momentOf(one.ts_ms, locale())}</small><div dir="auto">${one.text}</div></li>`)}
      </ol>`;
    default:
      return nothing;
  }
}

function picker(message, close, actions) {
  const give = (symbol) => {
    const mine = message.reactions.some((one) => one.symbol === symbol && one.mine);
    close();
    actions.react(message.id, symbol, mine);
  };
  const other = (event) => {
    event.preventDefault();
    const symbol = new FormData(event.target).get("symbol").trim();
    if (symbol) give(symbol);
  };
  return html`<div class="panel picker" role="group" aria-label=${t("act.react")}>
    ${SYMBOLS.map((symbol, n) => html`<button type="button" class="quiet" ?data-first=${n === 0}
      aria-label=${t("react.with", { symbol })} @click=${() => give(symbol)}>${symbol}</button>`)}
    <form @submit=${other}><input name="symbol" size="4" maxlength="16" autocomplete="off"
      placeholder=${t("react.other")} aria-label=${t("react.other")}></form>
  </div>`;
}
