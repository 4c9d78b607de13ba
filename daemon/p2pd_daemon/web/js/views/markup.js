// A message's text with its links, code and mentions. Everything is put in as text nodes.

import { html } from "../../vendor/lit-html/lit-html.js";
import { tokenize } from "../markup.js";

export const marked = (text, nick) => tokenize(text, nick).map((one) => SHOWN[one.kind](one));

const SHOWN = {
  text: ({ raw }) => raw,
  link: ({ raw, href }) => html`<a href=${href} target="_blank" rel="noopener noreferrer">${raw}</a>`,
  code: ({ text }) => html`<code>${text}</code>`,
  block: ({ text }) => html`<pre tabindex="0"><code>${text}</code></pre>`,
  mention: ({ raw }) => html`<mark>${raw}</mark>`,
};
