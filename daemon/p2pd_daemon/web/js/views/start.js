import { html } from "../../vendor/lit-html/lit-html.js";

export const startPage = ({ status }) => html`<h1>${status?.nick || "p2pd"}</h1><p class="mono">${status?.peer_id}</p>`;
