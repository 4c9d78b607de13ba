// The picture of the network. Shapes tell kinds apart, lines tell how somebody is reached: neither by colour alone.

import { nothing, svg, html } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { t } from "../i18n.js";
import { placeLabels } from "../store/labels.js";
import { NAMED, speedOf } from "../store/network.js";
import { milliseconds } from "./parts.js";

const NAME_LENGTH = 14; // letters of a name that fit

export function picture(state, actions, { me, nodes, links }, size) {
  const named = nodes.length <= NAMED;
  const isChosen = (node) => node.id === state.ui.chosen;
  const choose = (node) => actions.choosePeer(node.id);
  const subjects = [{ at: me, text: state.status?.nick || t("me") },
    ...nodes.filter((node) => named || isChosen(node)).map((node) => ({ at: node, id: node.id, text: node.name, always: isChosen(node) }))]
    .map((one) => ({ ...one, text: short(one.text) }));
  const timed = links.map((link) => ({ ...link, text: named && link.node.rtt !== null ? milliseconds(link.node.rtt) : "" }));
  const { names, times } = placeLabels(subjects, timed, size);
  const nameOf = (id) => names[subjects.findIndex((one) => one.id === id)];
  return html`<svg class="picture" viewBox="0 0 ${size.width} ${size.height}" role="group" aria-label=${t("network.picture")}>
    ${repeat(links, (link) => link.node.id, line)}
    <g class="node" data-kind="me">${shape({ ...me, kind: "me" })}</g>
    ${repeat(nodes, (node) => node.id, (node) => svg`
      <g class="node" data-kind=${node.kind} data-peer=${node.id} ?data-away=${!node.connected} tabindex="0" role="button"
        aria-pressed=${isChosen(node)} aria-label=${described(node)}
        @click=${() => choose(node)} @keydown=${(event) => press(event, () => choose(node))}>
        <title>${described(node)}</title>
        ${hit(node, nameOf(node.id))}
        ${shape(node)}
        ${label(nameOf(node.id), "name")}
      </g>`)}
    ${label(nameOf(undefined), "name")}
    ${times.map((one) => label(one, "time"))}
  </svg>`;
}

function press(event, act) {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  act();
}

const line = ({ node, from, to }) => svg`<line data-speed=${speedOf(node.rtt) ?? "none"} ?data-relayed=${node.relayed}
  x1=${from.x} y1=${from.y} x2=${to.x} y2=${to.y}></line>`;

function shape({ x, y, kind }) {
  switch (kind) {
    case "me": return svg`<circle cx=${x} cy=${y} r="17"></circle>`;
    case "bootstrap": return svg`<rect x=${x - 11} y=${y - 11} width="22" height="22" rx="4"></rect>`;
    case "relay": return svg`<path d="M${x} ${y - 15}l15 15l-15 15l-15 -15z"></path>`;
    case "store": return svg`<path d="M${x - 12} ${y - 10}h24l-4 20h-16z"></path>`;
    default: return svg`<circle cx=${x} cy=${y} r="12"></circle>`;
  }
}

const label = (one, kind) => (one ? svg`<rect class="behind" x=${one.box.left} y=${one.box.top} rx="4"
  width=${one.box.right - one.box.left} height=${one.box.bottom - one.box.top}></rect>
  <text class=${kind} x=${one.x} y=${one.y}>${one.text}</text>` : nothing);

// Between the shape and the name one hits it too.
function hit({ x, y }, name) {
  const around = { left: x - 22, right: x + 22, top: y - 22, bottom: y + 22 };
  const { left, right, top, bottom } = name ? union(around, name.box) : around;
  return svg`<rect class="hit" x=${left} y=${top} width=${right - left} height=${bottom - top}></rect>`;
}

const union = (a, b) => ({ left: Math.min(a.left, b.left), right: Math.max(a.right, b.right), top: Math.min(a.top, b.top), bottom: Math.max(a.bottom, b.bottom) });

function short(name) {
  const letters = [...name];
  return letters.length > NAME_LENGTH ? `${letters.slice(0, NAME_LENGTH - 1).join("")}…` : name;
}

function described(node) {
  const kind = t(`kind.${node.kind}`);
  if (!node.connected) return t("node.away", { name: node.name, kind });
  const way = t(node.relayed ? "way.relayed" : "way.direct");
  return node.rtt === null ? t("node.unmeasured", { name: node.name, kind, way })
    : t("node.measured", { name: node.name, kind, way, time: milliseconds(node.rtt) });
}
