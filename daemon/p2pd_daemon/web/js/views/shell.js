// The frame of the page: what is wrong with the connection, the list of places, and what the address asks for.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { t } from "../i18n.js";
import { placePage } from "./place.js";
import { receivePage, sendPage } from "./pair.js";
import { sidebar } from "./sidebar.js";
import { startPage } from "./start.js";

const PAGES = {
  start: startPage,
  place: placePage,
  receive: receivePage,
  send: sendPage,
};
// Loaded when they are first looked at: the first load is smaller without.
const LATER = {
  network: async () => (await import("./network.js")).networkPage,
  settings: async () => (await import("./settings.js")).settingsPage,
};
const ALONE = new Set(["receive", "send"]); // pages without the list of places

export function shell(state, actions) {
  if (state.link === "denied") return deniedPage();
  const { page } = state.route;
  return html`
    <a class="skip" href="#main" @click=${toMain}>${t("skip")}</a>
    ${linkBanner(state)}
    <div class="frame" data-page=${page}>
      ${ALONE.has(page) ? nothing : sidebar(state, actions)}
      <main id="main" tabindex="-1">${content(page, state, actions)}</main>
    </div>
    ${notices(state, actions)}
  `;
}

function content(page, state, actions) {
  if (PAGES[page]) return PAGES[page](state, actions);
  LATER[page]().then((view) => {
    PAGES[page] = view;
    actions.ui({}); // draws it
  }, () => {}); // the daemon is gone, as the banner says; the next change asks again
  return nothing;
}

// The address holds the page's route behind the #, so this link moves the focus itself.
function toMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function linkBanner({ link }) {
  if (link === "live") return nothing;
  return html`<p class="banner" role="status">${t(link === "lost" ? "daemon.lost" : "daemon.connecting")}</p>`;
}

function notices(state, actions) {
  return html`<div class="notices" role="alert">
    ${repeat(state.notices, (one) => one.n, (one) => html`
      <div class="notice" data-kind=${one.kind}>
        <p>${one.text}${one.hint ? html`<small>${one.hint}</small>` : nothing}</p>
        <button type="button" class="quiet" aria-label=${t("dismiss")} @click=${() => actions.dismiss(one.n)}>×</button>
      </div>`)}
  </div>`;
}

const deniedPage = () => html`
  <main class="denied">
    <h1>p2pd</h1>
    <p>${t("denied.what")}</p>
    <p>${t("denied.how")}</p>
    <pre><code>p2pd web</code></pre>
  </main>`;
