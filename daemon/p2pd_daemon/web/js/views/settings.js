import { html } from "../../vendor/lit-html/lit-html.js";

export const settingsPage = (state, actions) => html`
  <select aria-label="Theme" @change=${(event) => actions.prefer({ theme: event.target.value })}>
    ${["system", "light", "dark"].map((theme) => html`
      <option ?selected=${theme === state.preferences.theme}>${theme}</option>`)}
  </select>`;
