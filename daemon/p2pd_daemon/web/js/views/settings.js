// What one can change: the name, how the page looks, what it says aloud, who is blocked or renamed, exports, the token.

import { live } from "../../vendor/lit-html/directives/live.js";
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { LANGUAGES, t } from "../i18n.js";
import { shortId } from "../store/people.js";
import { sortedPlaces } from "../store/places.js";
import { heading, nickForm } from "./parts.js";

export const settingsPage = (state, actions) => html`<div class="page settings">
  ${heading(t("settings.title"))}
  ${section("you", state.status ? nickForm(state, actions) : nothing)}
  ${section("look", look(state, actions))}
  ${section("notify", notify(state, actions))}
  ${section("people", people(state, actions))}
  ${section("export", exporting(state, actions))}
  ${section("token", token(state, actions))}
</div>`;

const section = (name, content) => html`<section aria-labelledby="settings-${name}">
  <h2 id="settings-${name}">${t(`settings.${name}`)}</h2>${content}</section>`;

function look({ preferences }, actions) {
  const select = (name, options) => html`<label class="field">${t(`look.${name}`)}
    <select @change=${(event) => actions.prefer({ [name]: event.target.value })}>
      ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === preferences[name]}>${text}</option>`)}
    </select></label>`;
  return html`<div class="fields">
    ${select("theme", ["system", "light", "dark"].map((theme) => [theme, t(`theme.${theme}`)]))}
    ${select("language", [["system", t("language.system")], ...Object.entries(LANGUAGES)])}
  </div>`;
}

function notify({ preferences, ui }, actions) {
  const rule = (name) => html`<label class="check"><input type="checkbox" .checked=${live(preferences.notify[name])}
    @change=${(event) => actions.notify(name, event.target.checked)}>
    ${t(`notify.${name}`)}</label>`;
  return html`<p class="faint">${t("notify.what")}</p>${rule("direct")}${rule("mentions")}
    <div role="alert">${ui.notifyRefused ? html`<p class="failed">${t(`notify.${ui.notifyRefused}`)}</p>` : nothing}</div>`;
}

function people(state, actions) {
  const known = { ...Object.fromEntries((state.ui.blocks ?? []).map((one) => [one.peer_id, one])), ...state.people };
  const all = Object.values(known).sort((a, b) => a.blocked - b.blocked || a.name.localeCompare(b.name));
  return html`<p class="faint">${t("people.what")}</p>
    ${all.length ? html`<ul class="people">${repeat(all, (one) => one.peer_id, (one) => contact(state, actions, one))}</ul>`
      : html`<p>${t("people.none")}</p>`}
    ${blockForm(actions)}`;
}

function blockForm(actions) {
  const block = async (event) => {
    event.preventDefault();
    const form = event.target;
    if (await actions.block(new FormData(form).get("peer").trim())) form.reset();
  };
  return html`<form @submit=${block}>
    <label for="block-peer">${t("block.label")}</label>
    <div class="row"><input id="block-peer" name="peer" required autocomplete="off" autocapitalize="off" spellcheck="false">
    <button>${t("people.block")}</button></div></form>`;
}

function contact({ ui }, actions, one) {
  const save = (event) => {
    event.preventDefault();
    actions.petname(one.peer_id, new FormData(event.target).get("petname"));
    actions.reveal({ naming: null }, `[data-rename="${one.peer_id}"]`);
  };
  const naming = ui.naming === one.peer_id;
  return html`<li ?data-blocked=${one.blocked}>
    <div class="who"><b>${one.name || shortId(one.peer_id)}</b>
      ${one.petname && one.nick && one.nick !== one.petname ? html`<span class="faint">${t("people.calls", { nick: one.nick })}</span>` : nothing}
      ${one.blocked ? html`<span class="tag">${t("people.blocked")}</span>` : nothing}
      <code class="faint" title=${one.peer_id}>${shortId(one.peer_id)}</code></div>
    <div class="buttons">
      <button type="button" data-rename=${one.peer_id} aria-expanded=${naming} aria-label=${t("people.rename.of", { name: one.name })}
        @click=${() => (naming ? actions.ui({ naming: null }) : actions.reveal({ naming: one.peer_id }, ".people input"))}>${t("people.rename")}</button>
      ${one.blocked
        ? html`<button type="button" aria-label=${t("people.unblock.of", { name: one.name })}
            @click=${() => actions.unblock(one.peer_id)}>${t("people.unblock")}</button>`
        : html`<button type="button" aria-label=${t("people.block.of", { name: one.name })}
            @click=${() => actions.block(one.peer_id)}>${t("people.block")}</button>`}
    </div>
    ${naming ? html`<form class="row" @submit=${save}>
      <input name="petname" .value=${one.petname} maxlength="64" autocomplete="off" aria-label=${t("people.petname.of", { name: one.name })}
        placeholder=${t("people.petname")}>
      <button class="primary">${t("save")}</button></form>` : nothing}
  </li>`;
}

function exporting(state, actions) {
  const { rooms, conversations } = sortedPlaces(state.places);
  const { exporting: running, exported } = state.ui;
  const save = (event) => {
    event.preventDefault();
    actions.exportPlace(new FormData(event.target).get("place"));
  };
  const group = (label, places) => (places.length ? html`<optgroup label=${label}>
    ${places.map((place) => html`<option value=${place.key}>${place.title}</option>`)}</optgroup>` : nothing);
  return html`<p class="faint">${t("export.what")}</p>
    ${rooms.length + conversations.length ? html`<form class="row" @submit=${save}>
      <select name="place" aria-label=${t("export.place")}>${group(t("rooms"), rooms)}${group(t("conversations"), conversations)}</select>
      <button ?disabled=${Boolean(running)}>${t("export.do")}</button></form>` : html`<p>${t("export.none")}</p>`}
    <p class="faint" role="status">${running ? t("export.busy", { n: running.lines })
      : exported ? t("export.done", { n: exported.lines }) : nothing}</p>`;
}

function token({ ui }, actions) {
  return html`<p class="faint">${t("token.what")}</p>
    ${ui.resetting ? html`<div role="alert" class="confirm"><p>${t("token.sure")}</p>
      <div class="buttons"><button type="button" class="danger" @click=${actions.resetToken}>${t("token.do")}</button>
      <button type="button" @click=${() => actions.reveal({ resetting: false }, "[data-reset]")}>${t("cancel")}</button></div></div>`
      : html`<button type="button" data-reset @click=${() => actions.reveal({ resetting: true }, ".confirm button")}>${t("token.reset")}</button>`}`;
}
