// The first letter of a name on a colour that the person keeps, whatever their name.

import { html } from "../../vendor/lit-html/lit-html.js";

const HUES = 8; // as many as timeline.css names

export function avatar(name, peerId) {
  let sum = 0;
  for (const character of peerId) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  const [letter = "?"] = name.trim();
  return html`<span class="avatar" data-hue=${sum % HUES} aria-hidden="true">${letter.toUpperCase()}</span>`;
}
