// Views that the first look at the page does not need: each is loaded when it is first wanted.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";

const SAID_MS = 200; // loading that takes longer is said, in an element that was there before, or nobody would hear it
const AGAIN_MS = 2000;

// A view in the place of the one that `load` gives. What `focus` selects gets the focus when it is first drawn, unless
// that has moved on.
export function later(load, focus) {
  let view, said, asked = false;

  async function ask(actions) {
    asked = true;
    const from = document.activeElement;
    const slow = setTimeout(() => {
      said ??= "view.loading";
      actions.ui({});
    }, SAID_MS);
    try {
      view = await load();
    } catch (error) {
      said = "view.failed"; // the daemon is gone, or another one than the one that gave us the rest of the page
      setTimeout(() => {
        asked = false;
        actions.ui({});
      }, AGAIN_MS);
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
    } finally {
      clearTimeout(slow);
      actions.ui({}); // draws
    }
    if (view && focus) {
      requestAnimationFrame(() => requestAnimationFrame(() => {
        if (document.activeElement === from) document.querySelector(focus)?.focus();
      }));
    }
  }

  return (state, actions, ...more) => {
    if (view) return view(state, actions, ...more);
    if (!asked) ask(actions);
    return html`<div class="later"><p role="status">${said ? t(said) : nothing}</p>
      ${said === "view.failed" ? html`<button type="button" @click=${() => location.reload()}>${t("view.reload")}</button>` : nothing}
    </div>`;
  };
}
