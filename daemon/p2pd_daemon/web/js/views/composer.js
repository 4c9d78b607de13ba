// Where one writes: a draft for each place, what it answers or edits, and names completed while one types.

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { ref } from "../../vendor/lit-html/directives/ref.js";
import { candidates, completed, wordAt } from "../complete.js";
import { t } from "../i18n.js";
import { allowed } from "../rows.js";
import { isRoom, nameOf } from "../store/places.js";
import { timelineOf } from "../store/timeline.js";
import { icons } from "./icons.js";
import { nameOfAuthor } from "./message.js";

const bytesOf = (text) => new TextEncoder().encode(text).length;

export function composer(state, actions) {
  const { key } = state.route;
  const about = state.answering?.key === key ? state.answering : null;
  const text = about?.mode === "edit" ? about.text : state.drafts[key] ?? "";
  const over = state.textBytes ? bytesOf(text) - state.textBytes : 0;
  const offer = state.offer?.key === key ? state.offer : null;
  const title = state.places[key]?.title ?? nameOf(key);
  const ready = mayGo(state, text);
  const box = { key, about, text, offer, state, actions };
  return html`<form class="composer" @submit=${(event) => { event.preventDefault(); submit(event.target.querySelector("textarea").value, box); }}>
    ${about ? aboutBar(about, actions) : nothing}
    ${offer ? offered(box) : nothing}
    <div class="row">
      <textarea rows="1" dir="auto" enterkeyhint="send" aria-label=${t(isRoom(key) ? "say.room" : "say.person", { name: title })}
        placeholder=${t(isRoom(key) ? "say.room" : "say.person", { name: title })} autocomplete="off"
        aria-describedby="say-note" aria-autocomplete="list" aria-controls=${offer ? "offer" : nothing}
        aria-activedescendant=${offer ? `offer-${offer.chosen}` : nothing} aria-invalid=${over > 0}
        .value=${live(text)} ${ref(fit)}
        @input=${(event) => typed(event.target, box)} @keydown=${(event) => pressed(event, box)}
        @blur=${() => offer && actions.offer(null)}></textarea>
      <button class="primary send" ?disabled=${!ready} title=${t("say.send")} aria-label=${t("say.send")}>${icons.send()}</button>
    </div>
    <p id="say-note" class="note" role="status">${note(state, text, over)}</p>
  </form>`;
}

function note({ link }, text, over) {
  if (over > 0) return t("say.long", { n: over });
  return link !== "live" && text ? t("say.later") : nothing;
}

function aboutBar(about, actions) {
  return html`<p class="about">
    <span>${about.mode === "edit" ? t("say.editing") : t("say.replying", { name: about.name })}
      ${about.quote ? html`<small dir="auto">${about.quote}</small>` : nothing}</span>
    <button type="button" class="quiet" title=${t("cancel")} aria-label=${t("cancel")} @click=${actions.stopAnswering}>${icons.close()}</button>
  </p>`;
}

const offered = (box) => html`<ul id="offer" class="offer" role="listbox" aria-label=${t("say.offer")}>
  ${box.offer.names.map((name, n) => html`<li id="offer-${n}" role="option" aria-selected=${n === box.offer.chosen}
    @pointerdown=${(event) => { event.preventDefault(); choose(document.querySelector(".composer textarea"), box, n); }}>
    <bdi>${box.offer.word.sign}${name}</bdi></li>`)}
</ul>`;

function write(text, { key, about, actions }) {
  if (about?.mode === "edit") actions.editText(text);
  else actions.draft(key, text);
}

function typed(element, box) {
  write(element.value, box);
  const word = wordAt(element.value, element.selectionStart);
  const names = word?.sign ? namesFor(word, box.state) : [];
  box.actions.offer(names.length ? { key: box.key, word, names, chosen: 0 } : null);
}

function namesFor(word, state) {
  const { messages } = timelineOf(state, state.route.key);
  const me = state.status?.peer_id;
  const authors = messages.toReversed().filter((one) => one.from !== me).map(nameOfAuthor);
  const people = Object.values(state.people).filter((one) => one.peer_id !== me && !one.blocked).map((one) => one.name);
  const rooms = Object.keys(state.places).filter(isRoom).map(nameOf);
  return candidates(word, [...authors, ...people], rooms);
}

function choose(element, box, n) {
  const { word, names } = box.offer;
  const done = completed(element.value, element.selectionStart, word, names[n]);
  element.value = done.text;
  element.setSelectionRange(done.caret, done.caret);
  write(done.text, box);
  box.actions.offer(null);
}

function pressed(event, box) {
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  const act = (box.offer && OFFERED[event.key]) || KEYS[event.key];
  if (act?.(event, box)) event.preventDefault();
}

// Each says whether the key has done its work.
const OFFERED = {
  ArrowDown: (_event, { offer, actions }) => turn(offer, 1, actions),
  ArrowUp: (_event, { offer, actions }) => turn(offer, -1, actions),
  Tab: (event, box) => !event.shiftKey && (choose(event.target, box, box.offer.chosen), true),
  Enter: (event, box) => (choose(event.target, box, box.offer.chosen), true),
  Escape: (_event, { actions }) => (actions.offer(null), true),
};

const KEYS = {
  Enter(event, box) {
    if (event.shiftKey) return false;
    submit(event.target.value, box);
    return true;
  },
  Escape(_event, { about, actions }) {
    if (about) actions.stopAnswering();
    return Boolean(about);
  },
  ArrowUp(_event, { text, about, state, actions }) {
    if (text || about) return false;
    const place = state.places[state.route.key];
    const me = state.status?.peer_id;
    const last = timelineOf(state, state.route.key).messages.findLast((one) => one.from === me && !one.deleted);
    if (!last || !allowed(last, place, me).edit) return false;
    actions.edit(last);
    return true;
  },
  Tab(event, box) {
    const { value, selectionStart } = event.target;
    const word = event.shiftKey ? null : wordAt(value, selectionStart);
    const names = word ? namesFor(word, box.state) : [];
    if (!names.length) return false; // the focus goes on
    box.offer = { key: box.key, word, names, chosen: 0 };
    if (names.length === 1) choose(event.target, box, 0);
    else box.actions.offer(box.offer);
    return true;
  },
};

function turn(offer, step, actions) {
  const { length } = offer.names;
  actions.offer({ ...offer, chosen: (offer.chosen + step + length) % length });
  return true;
}

const mayGo = ({ link, textBytes }, text) => link === "live" && Boolean(text.trim()) && (!textBytes || bytesOf(text) <= textBytes);

// `text` is what stands in the box now: what was drawn last may lack the latest letters.
function submit(text, { key, state, actions }) {
  actions.offer(null);
  if (mayGo(state, text)) actions.say(key, text);
}

// As high as its text, where the style sheet cannot say so.
const fit = (element) => {
  if (!element || CSS.supports("field-sizing", "content")) return;
  const grow = () => {
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight + 2}px`;
  };
  element.addEventListener("input", grow);
  grow();
};
