// Who is connected with whom as seen from here: a picture, the same as a table, and one peer in detail.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { locale, t } from "../i18n.js";
import { linkTo } from "../router.js";
import { layOut, nodesOf } from "../store/network.js";
import { isRoom, peerKey } from "../store/places.js";
import { copyButton, copyStatus, heading, milliseconds } from "./parts.js";
import { picture } from "./picture.js";

const WIDE = { width: 760, height: 460, margin: { x: 90, y: 54 } };
const NARROW = { width: 340, height: 400, margin: { x: 52, y: 44 } };

export function networkPage(state, actions) {
  const room = state.ui.room ?? null;
  const members = room && state.ui.members?.room === room ? state.ui.members.list : [];
  const nodes = nodesOf(state, room, members);
  const size = matchMedia("(max-width: 700px)").matches ? NARROW : WIDE;
  const chosen = nodes.find((node) => node.id === state.ui.chosen);
  return html`<div class="page network">
    ${heading(t("network.title"), roomFilter(state, actions, room))}
    ${nodes.length ? html`
      ${picture(state, actions, layOut(nodes, size), size)}
      ${legend()}`
      : html`<p class="faint">${t(room === null ? "network.nobody" : "network.nobody.room")}</p>`}
    <div role="status" class="unseen">${t("network.count", { n: nodes.filter((node) => node.connected).length })}</div>
    ${chosen ? details(state, actions, chosen) : nothing}
    ${nodes.length ? table(state, actions, nodes) : nothing}
  </div>`;
}

function roomFilter({ places }, actions, room) {
  const rooms = Object.values(places).filter((place) => isRoom(place.key)).map((place) => place.room).sort();
  return html`<div class="filter"><label for="room-filter">${t("network.filter")}</label>
    <select id="room-filter" @change=${(event) => actions.watchRoom(event.target.value === "" ? null : event.target.value.slice(1))}>
      <option value="" ?selected=${room === null}>${t("network.all")}</option>
      ${rooms.map((one) => html`<option value=${`#${one}`} ?selected=${one === room}>${one}</option>`)}
    </select></div>`;
}

const legend = () => html`<ul class="legend" aria-hidden="true">
  ${[0, 1, 2, 3].map((speed) => html`<li><span class="line" data-speed=${speed}></span>${t(`speed.${speed}`)}</li>`)}
  <li><span class="line" data-relayed></span>${t("way.relayed")}</li>
</ul>`;

function table(state, actions, nodes) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("network.table")}><table>
    <caption class="unseen">${t("network.table")}</caption>
    <thead><tr>${["name", "kind", "way", "rtt", "rooms"].map((column) => html`<th scope="col" class=${column === "rtt" ? "number" : nothing}>${t(`column.${column}`)}</th>`)}</tr></thead>
    <tbody>${[...nodes].sort(byName).map((node) => html`<tr aria-current=${node.id === state.ui.chosen ? "true" : nothing}>
      <th scope="row"><button type="button" class="link" @click=${() => actions.choosePeer(node.id)}>${node.name}</button></th>
      <td>${t(`kind.${node.kind}`)}</td>
      <td>${wayOf(node)}</td>
      <td class="number">${node.rtt === null ? "–" : milliseconds(node.rtt)}</td>
      <td>${node.peer?.rooms?.join(", ") || "–"}</td>
    </tr>`)}</tbody>
  </table></div>`;
}

const byName = (a, b) => a.name.localeCompare(b.name, locale());

const wayOf = (node) => t(node.connected ? (node.relayed ? "way.relayed" : "way.direct") : "way.none");

function details(state, actions, node) {
  const { peer } = node;
  const { pinging, pinged } = state.ui;
  return html`<section class="details" aria-labelledby="details-title">
    <div class="heading"><h2 id="details-title" tabindex="-1">${node.name}</h2>
      <button type="button" class="quiet" aria-label=${t("dismiss")} @click=${() => actions.reveal({ chosen: null }, `[data-peer="${node.id}"]`)}>×</button></div>
    <dl>
      ${row("id.short", html`<code>${node.id}</code> ${copyButton(state, actions, { what: "peer", text: node.id })}`)}
      ${row("column.kind", t(`kind.${node.kind}`))}
      ${row("column.way", wayOf(node))}
      ${peer ? html`
        ${row("peer.direction", t(peer.direction === "in" ? "peer.in" : "peer.out"))}
        ${row("peer.since", new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(peer.since_ms))}
        ${row("column.rtt", node.rtt === null ? "–" : milliseconds(node.rtt))}
        ${row("peer.agent", peer.agent || "–")}
        ${row("column.rooms", peer.rooms?.join(", ") || "–")}
        ${row("peer.addrs", peer.addrs.map((addr) => html`<code class="block">${addr}</code>`))}` : nothing}
    </dl>
    ${copyStatus(state)}
    <p class="buttons">
      <a class="button primary" href=${linkTo(peerKey(node.id))}>${t("talk")}</a>
      ${peer ? html`
        <button type="button" ?disabled=${pinging === node.id} @click=${() => actions.ping(node.id)}>${t("peer.ping")}</button>
        <button type="button" @click=${() => actions.hangUp(node.id)}>${t("peer.hangup")}</button>` : nothing}
      <span role="status">${pinged?.peerId === node.id ? t("peer.pinged", { time: milliseconds(pinged.ms) }) : nothing}</span>
    </p>
  </section>`;
}

const row = (key, content) => html`<div><dt>${t(key)}</dt><dd>${content}</dd></div>`;
