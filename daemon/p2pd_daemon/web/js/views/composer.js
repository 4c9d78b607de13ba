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
  const { key, about, text, over, ready, offer } = boxOf(state);
  const title = state.places[key]?.title ?? nameOf(key);
  const what = t(isRoom(key) ? "say.room" : "say.person", { name: title });
  return html`<form class="composer" @submit=${(event) => { event.preventDefault(); submit(event.target.querySelector("textarea"), actions); }}>
    ${about ? aboutBar(about, actions) : nothing}
    ${offer ? offered(offer, actions) : nothing}
    <div class="row">
      <textarea rows="1" dir="auto" enterkeyhint="send" aria-label=${what} placeholder=${what} autocomplete="off"
        aria-describedby="say-note" aria-autocomplete="list" aria-controls=${offer ? "offer" : nothing}
        aria-activedescendant=${offer ? `offer-${offer.chosen}` : nothing} aria-invalid=${over > 0}
        .value=${live(text)} ${ref(fit)}
        @input=${(event) => typed(event.target, actions)} @keydown=${(event) => pressed(event, actions)}
        @blur=${() => actions.offer(null)}></textarea>
      <button class="primary send" ?disabled=${!ready} title=${t("say.send")}
        aria-label=${t("say.send")}>${icons.send()}</button>
    </div>
    <p id="say-note" class="note" role="status">${note(state, text, over)}</p>
  </form>`;
}

// The box as it is now. Events ask again rather than rely on what was drawn: keys come faster than frames.
function boxOf(state) {
  const { key } = state.route;
  const about = state.answering?.key === key ? state.answering : null;
  const text = about?.mode === "edit" ? about.text : state.drafts[key] ?? "";
  const over = state.textBytes ? bytesOf(text) - state.textBytes : 0;
  const ready = state.link === "live" && Boolean(text.trim()) && over <= 0;
  return { state, key, about, text, over, ready, offer: state.offer?.key === key ? state.offer : null };
}

function note({ link }, text, over) {
  if (over > 0) return t("say.long", { n: over });
  return link !== "live" && text ? t("say.later") : nothing;
}

function aboutBar(about, actions) {
  return html`<p class="about">
    <span>${about.mode === "edit" ? t("say.editing") : t("say.replying", { name: about.name })}
      ${about.quote ? html`<small dir="auto">${about.quote}</small>` : nothing}</span>
    <button type="button" class="quiet" title=${t("cancel")} aria-label=${t("cancel")}
      @click=${actions.stopAnswering}>${icons.close()}</button>
  </p>`;
}

const offered = (offer, actions) => html`<ul id="offer" class="offer" role="listbox" aria-label=${t("say.offer")}>
  ${offer.names.map((name, n) => html`<li id="offer-${n}" role="option" aria-selected=${n === offer.chosen}
    @pointerdown=${(event) => picked(event, { ...offer, chosen: n }, actions)}>
    <bdi>${offer.word.sign}${name}</bdi></li>`)}
</ul>`;

function picked(event, offer, actions) {
  event.preventDefault(); // the focus stays in the box
  choose(document.querySelector(".composer textarea"), offer, actions);
}

function write(text, actions) {
  const { key, about } = boxOf(actions.now());
  if (about?.mode === "edit") actions.editText(text);
  else actions.draft(key, text);
}

function typed(element, actions) {
  write(element.value, actions);
  const word = wordAt(element.value, element.selectionStart);
  const names = word?.sign ? namesFor(word, actions.now()) : [];
  actions.offer(names.length ? { key: actions.now().route.key, word, names, chosen: 0 } : null);
}

function namesFor(word, state) {
  const { messages } = timelineOf(state, state.route.key);
  const me = state.status?.peer_id;
  const authors = messages.toReversed().filter((one) => one.from !== me).map(nameOfAuthor);
  const people = Object.values(state.people).filter((one) => one.peer_id !== me && !one.blocked).map((one) => one.name);
  const rooms = Object.keys(state.places).filter(isRoom).map(nameOf);
  return candidates(word, [...authors, ...people], rooms);
}

function choose(element, { word, names, chosen }, actions) {
  const done = completed(element.value, element.selectionStart, word, names[chosen]);
  element.value = done.text;
  element.setSelectionRange(done.caret, done.caret);
  write(done.text, actions);
  actions.offer(null);
  return true;
}

function pressed(event, actions) {
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  const box = boxOf(actions.now());
  const act = (box.offer && OFFERED[event.key]) || KEYS[event.key];
  if (act?.(event, box, actions)) event.preventDefault();
}

// Each says whether the key has done its work.
const OFFERED = {
  ArrowDown: (_event, { offer }, actions) => turn(offer, 1, actions),
  ArrowUp: (_event, { offer }, actions) => turn(offer, -1, actions),
  Tab: (event, { offer }, actions) => !event.shiftKey && choose(event.target, offer, actions),
  Enter: (event, { offer }, actions) => !event.shiftKey && choose(event.target, offer, actions),
  Escape: (_event, _box, actions) => (actions.offer(null), true),
};

const KEYS = {
  Enter(event, _box, actions) {
    if (!event.shiftKey) submit(event.target, actions);
    return !event.shiftKey;
  },
  Escape(_event, { about }, actions) {
    if (about) actions.stopAnswering();
    return Boolean(about);
  },
  ArrowUp(_event, { text, about, state, key }, actions) {
    if (text || about) return false;
    const me = state.status?.peer_id;
    const last = timelineOf(state, key).messages.findLast((one) => one.from === me && !one.deleted);
    if (!last || !allowed(last, state.places[key], me).edit) return false;
    actions.edit(last);
    return true;
  },
  Tab(event, { state, key }, actions) {
    const { value, selectionStart } = event.target;
    const word = event.shiftKey ? null : wordAt(value, selectionStart);
    const names = word ? namesFor(word, state) : [];
    if (!names.length) return false; // the focus goes on
    const offer = { key, word, names, chosen: 0 };
    if (names.length === 1) choose(event.target, offer, actions);
    else actions.offer(offer);
    return true;
  },
};

function turn(offer, step, actions) {
  const { length } = offer.names;
  actions.offer({ ...offer, chosen: (offer.chosen + step + length) % length });
  return true;
}

function submit(element, actions) {
  const { key, text, ready } = boxOf(actions.now());
  actions.offer(null);
  if (!ready) return;
  actions.say(key, text);
  element.value = boxOf(actions.now()).text; // before the next key
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
