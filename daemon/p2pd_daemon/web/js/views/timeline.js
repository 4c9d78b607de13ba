// The messages of a place, with the days between them. Drawn anew only where something changed.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { guard } from "../../vendor/lit-html/directives/guard.js";
import { ref } from "../../vendor/lit-html/directives/ref.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { dayOf } from "../format.js";
import { locale, t } from "../i18n.js";
import { rowsOf } from "../rows.js";
import { timelineOf } from "../store/timeline.js";
import { icons } from "./icons.js";
import { messageRow, spoken } from "./message.js";
import { onTimelineKey } from "./timeline_keys.js";

export function timeline(state, actions) {
  const { key } = state.route;
  const line = timelineOf(state, key);
  return html`
    <div class="timeline">
      <div class="scroll" role="log" aria-live="off" aria-label=${t("timeline.label")} tabindex="-1"
          aria-busy=${Boolean(line.loading)} ${ref(actions.timeline.attach)} @scroll=${actions.timeline.scrolled}
          @keydown=${(event) => onTimelineKey(event, actions.now(), actions)} @focusin=${(event) => activate(event, actions)}
          @focusout=${(event) => deactivate(event, actions)}
          @pointerover=${(event) => point(event, actions)} @pointerleave=${(event) => unpoint(event, actions)}>
        <div class="rows">${begin(line)}${rows(state, line, actions)}</div>
      </div>
      ${jump(state, line, actions)}
    </div>
    <div class="unseen" aria-live="polite">${repeat(state.spoken, (one) => one.id, (one) => html`<p>${spoken(one)}</p>`)}</div>`;
}

function begin(line) {
  if (line.loading === "older") return html`<p class="edge" aria-hidden="true">${t("timeline.loading")}</p>`;
  if (!line.messages.length) return html`<p class="edge">${line.loading ? t("timeline.loading") : t("timeline.empty")}</p>`;
  return html`<p class="edge">${line.older ? nothing : t("timeline.begin")}</p>`;
}

function rows(state, line, actions) {
  const place = state.places[state.route.key];
  const { status, panel } = state;
  const focus = line.messages.some((one) => one.id === state.active) ? state.active : line.messages.at(-1)?.id;
  const now = new Date();
  return repeat(rowsOf(line.messages, line.newFrom), (row) => row.key, (row) => {
    if (row.kind === "day") return day(row, now);
    if (row.kind === "new") return newLine();
    const { message, first } = row;
    const shown = {
      first, place, me: status?.peer_id, nick: status?.nick,
      active: message.id === state.active, entry: message.id === focus,
      panel: panel?.id === message.id ? panel : null,
    };
    const parts = [message, first, shown.active, shown.entry, shown.panel, shown.me, shown.nick, place?.wire, locale()];
    return guard(parts, () => messageRow(message, shown, actions));
  });
}

const newLine = () => html`<p class="fresh" data-new role="separator" aria-label=${t("timeline.new")}>
  <span>${t("timeline.new")}</span></p>`;

function day(row, now) {
  const words = { today: t("today"), yesterday: t("yesterday") };
  return html`<h2 class="day"><span>${dayOf(row.ts_ms, locale(), now, words)}</span></h2>`;
}

function jump(state, line, actions) {
  if (state.atEnd || !line.messages.length) return nothing;
  const unread = state.places[state.route.key]?.unread ?? 0;
  return html`<button type="button" class="jump" @click=${() => actions.toEnd(state.route.key)}>
    ${icons.down()} ${unread ? t("timeline.jump.new", { n: unread }) : t("timeline.jump")}</button>`;
}

const idOf = (event) => event.target.closest?.("[data-id]")?.dataset.id;

function activate(event, actions) {
  const id = idOf(event);
  if (id) actions.activate(id);
}

// Who comes back by keyboard comes to the newest message, and not to the buttons of the one that was left.
function deactivate(event, actions) {
  if (!event.currentTarget.contains(event.relatedTarget)) actions.activate(null);
}

// Pointing at a message shows its buttons, unless the keyboard is busy with another one's. Rows that move below a
// pointer at rest are not pointed at.
let pointed = "";
function point(event, actions) {
  const at = `${event.clientX} ${event.clientY}`;
  const id = idOf(event);
  if (id && at !== pointed && !document.activeElement?.closest(".tools, .panel")) actions.activate(id);
  pointed = at;
}

function unpoint(event, actions) {
  if (event.pointerType === "mouse" && !event.currentTarget.contains(document.activeElement)) actions.activate(null);
}
