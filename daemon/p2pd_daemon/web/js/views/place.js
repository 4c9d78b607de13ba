import { html } from "../../vendor/lit-html/lit-html.js";
import { timelineOf } from "../store/timeline.js";

export const placePage = (state) => html`<ol>${timelineOf(state, state.route.key).messages.map((one) => html`<li>${one.text}</li>`)}</ol>`;
