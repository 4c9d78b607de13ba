// Searching in a place: what was found, the newest first; each leads to the message in its surroundings.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { whenOf } from "../format.js";
import { locale, t } from "../i18n.js";
import { icons } from "./icons.js";
import { nameOfAuthor } from "./message.js";

export function searchPanel(state, actions) {
  const { key } = state.route;
  const { search } = state;
  const submit = (event) => {
    event.preventDefault();
    actions.search(key, new FormData(event.target).get("text"));
  };
  const close = (event) => {
    if (event.key !== "Escape") return;
    actions.closeSearch();
    document.querySelector("[data-search]")?.focus();
  };
  return html`<section class="search" aria-label=${t("search")} @keydown=${close}>
    <form role="search" class="row" @submit=${submit}>
      <input type="search" name="text" autocomplete="off" placeholder=${t("search.what")} aria-label=${t("search.what")} .value=${search.text}>
      <button class="primary">${t("search")}</button>
      <button type="button" class="quiet" title=${t("search.close")} aria-label=${t("search.close")}
        @click=${actions.closeSearch}>${icons.close()}</button>
    </form>
    <p class="note" role="status">${said(search)}</p>
    ${search.found?.length ? results(search.found, key, actions) : nothing}
  </section>`;
}

function said({ busy, found }) {
  if (busy) return t("search.busy");
  if (!found) return nothing;
  return found.length ? t("search.found", { n: found.length }) : t("search.none");
}

const results = (found, key, actions) => html`<ol class="results">
  ${found.map((one) => html`<li><button type="button" class="quiet" @click=${() => actions.toMessage(key, one.id)}>
    <b><bdi>${nameOfAuthor(one)}</bdi></b> <small>${whenOf(one.ts_ms, locale(), Date.now())}</small>
    <span dir="auto">${one.text}</span></button></li>`)}
</ol>`;
