import { html } from "../../vendor/lit-html/lit-html.js";

export const networkPage = ({ peers }) => html`<ul>${peers.map((peer) => html`<li>${peer.name}</li>`)}</ul>`;
