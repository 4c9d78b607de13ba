// The frame of the page: what is wrong with the connection, the list of places, and what the address asks for.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { t } from "../i18n.js";
import { later } from "./later.js";
import { sidebar } from "./sidebar.js";

const PAGES = {
  start: later(async () => (await import("./start.js")).startPage),
  place: later(async () => (await import("./place.js")).placePage),
  network: later(async () => (await import("./network.js")).networkPage),
  settings: later(async () => (await import("./settings.js")).settingsPage),
  receive: later(async () => (await import("./pair.js")).receivePage, "main textarea"),
  send: later(async () => (await import("./pair.js")).sendPage, "main textarea"),
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
      <main id="main" tabindex="-1">${PAGES[page](state, actions)}</main>
    </div>
    ${notices(state, actions)}
  `;
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
