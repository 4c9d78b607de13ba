import { html } from "../../vendor/lit-html/lit-html.js";

export const receivePage = ({ status }) => html`<p class="mono">${status?.peer_id}</p>`;
export const sendPage = receivePage;
