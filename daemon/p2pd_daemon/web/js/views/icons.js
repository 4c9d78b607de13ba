// Small drawings for buttons, in the colour of the text. Each button has words beside it, seen or unseen.

import { html, svg } from "../../vendor/lit-html/lit-html.js";

const icon = (content) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${content}</svg>`;

export const icons = {
  reply: () => icon(svg`<path d="M9 7 4 12l5 5M4 12h10a6 6 0 0 1 6 6"/>`),
  edit: () => icon(svg`<path d="M4 20h4L19 9l-4-4L4 16zM13 7l4 4"/>`),
  remove: () => icon(svg`<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5"/>`),
  react: () => icon(svg`<circle cx="12" cy="12" r="9"/><path d="M8 14q4 5 8 0M9 9v1M15 9v1"/>`),
  copy: () => icon(svg`<rect x="8" y="8" width="12" height="12" rx="2"/><path d="M16 8V4H4v12h4"/>`),
  back: () => icon(svg`<path d="m14 5-7 7 7 7"/>`),
  down: () => icon(svg`<path d="M12 5v14M6 13l6 6 6-6"/>`),
  search: () => icon(svg`<circle cx="11" cy="11" r="6"/><path d="m16 16 5 5"/>`),
  people: () => icon(svg`<circle cx="9" cy="8" r="3.5"/><path d="M2 20q1-6 7-6t7 6M16 5a3.5 3.5 0 0 1 0 6M18 14q3 1 4 6"/>`),
  close: () => icon(svg`<path d="m6 6 12 12M18 6 6 18"/>`),
  plus: () => icon(svg`<path d="M12 5v14M5 12h14"/>`),
  send: () => icon(svg`<path d="M4 12 20 4l-5 16-4-6z M11 14l9-10"/>`),
  leave: () => icon(svg`<path d="M14 4H5v16h9M10 12h11m-4-4 4 4-4 4"/>`),
  network: () => icon(svg`<circle cx="12" cy="5" r="2.5"/><circle cx="5" cy="18" r="2.5"/><circle cx="19" cy="18" r="2.5"/><path d="M11 7.5 6.5 16M13 7.5l4.5 8.5M7.5 18h9"/>`),
  settings: () => icon(svg`<path d="M4 7h9M19 7h1M4 17h1M11 17h9"/><circle cx="16" cy="7" r="2.5"/><circle cx="8" cy="17" r="2.5"/>`),
  open: () => icon(svg`<rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V7a4 4 0 0 1 7.5-2"/>`),
  room: () => icon(svg`<path d="M9 4 7 20M17 4l-2 16M4 9h16M4 15h16"/>`),
};
