// The picture of the network. Shapes tell kinds apart, lines tell how somebody is reached: neither by colour alone.

import { nothing, svg, html } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { t } from "../i18n.js";
import { NAMED, speedOf } from "../store/network.js";
import { milliseconds } from "./parts.js";

const NAME_LENGTH = 14; // letters of a name that fit

export function picture(state, actions, { me, nodes, links }, { width, height }) {
  const named = nodes.length <= NAMED;
  const choose = (node) => actions.choosePeer(node.id);
  return html`<svg class="picture" viewBox="0 0 ${width} ${height}" role="group" aria-label=${t("network.picture")}>
    ${repeat(links, (link) => link.node.id, line)}
    ${named ? repeat(links, (link) => link.node.id, time) : nothing}
    ${mark(me, "me", state.status?.nick || t("me"), true)}
    ${repeat(nodes, (node) => node.id, (node) => svg`
      <g class="node" data-kind=${node.kind} data-peer=${node.id} ?data-away=${!node.connected} tabindex="0" role="button"
        aria-pressed=${node.id === state.ui.chosen} aria-label=${described(node)}
        @click=${() => choose(node)} @keydown=${(event) => press(event, () => choose(node))}>
        <title>${described(node)}</title>
        ${hit(node, node.y < me.y)}
        ${shape(node)}
        ${named || node.id === state.ui.chosen ? text(node, node.name, node.y < me.y) : nothing}
      </g>`)}
  </svg>`;
}

function press(event, act) {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  act();
}

const line = ({ node, from, to }) => svg`<line data-speed=${speedOf(node.rtt) ?? "none"} ?data-relayed=${node.relayed}
  x1=${from.x} y1=${from.y} x2=${to.x} y2=${to.y}></line>`;

const time = ({ node, at }) => (node.rtt === null ? nothing
  : svg`<text class="time" x=${at.x} y=${at.y}>${milliseconds(node.rtt)}</text>`);

const mark = (at, kind, name) => svg`<g class="node" data-kind=${kind}>${shape({ ...at, kind })}${text(at, name)}</g>`;

function shape({ x, y, kind }) {
  switch (kind) {
    case "me": return svg`<circle cx=${x} cy=${y} r="17"></circle>`;
    case "bootstrap": return svg`<rect x=${x - 11} y=${y - 11} width="22" height="22" rx="4"></rect>`;
    case "relay": return svg`<path d="M${x} ${y - 15}l15 15l-15 15l-15 -15z"></path>`;
    case "store": return svg`<path d="M${x - 12} ${y - 10}h24l-4 20h-16z"></path>`;
    default: return svg`<circle cx=${x} cy=${y} r="12"></circle>`;
  }
}

// Away from the middle, where the lines come from.
const text = ({ x, y }, name, above = false) => svg`<text class="name" x=${x} y=${above ? y - 22 : y + 33}>${short(name)}</text>`;

// Between the shape and the name one hits it too.
const hit = ({ x, y, name }, above) => {
  const width = Math.max(44, 8 * [...short(name)].length);
  return svg`<rect class="hit" x=${x - width / 2} y=${above ? y - 38 : y - 16} width=${width} height="54"></rect>`;
};

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
