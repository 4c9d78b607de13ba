// The timeline by keyboard: arrows go from message to message, letters do what its buttons do.

import { allowed } from "../rows.js";
import { timelineOf } from "../store/timeline.js";

export function onTimelineKey(event, state, actions) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const row = event.target.closest("[data-id]");
  if (!row) return;
  if (event.key === "Escape") return escape(event, row, state, actions);
  if (event.target !== row) return; // in a button, a link or a field
  const message = timelineOf(state, state.route.key).messages.find((one) => one.id === row.dataset.id);
  const act = message && (MOVES[event.key] ?? deed(event.key, message, state, actions));
  if (!act) return;
  event.preventDefault();
  act(row, actions, state);
}

const MOVES = {
  ArrowUp: (row) => near(row, "previousElementSibling")?.focus(),
  ArrowDown: (row) => near(row, "nextElementSibling")?.focus(),
  Home: (row) => row.parentElement.querySelector("[data-id]").focus(),
  End: (_row, actions, state) => { actions.toEnd(state.route.key); focusComposer(); },
};

function deed(key, message, state, actions) {
  const can = allowed(message, state.places[state.route.key], state.status?.peer_id);
  const deeds = {
    r: can.reply && (() => actions.reply(message)),
    e: can.edit && (() => actions.edit(message)),
    c: can.copy && (() => actions.copy(message.text)),
    "+": can.react && (() => actions.toggle("react", message.id)),
    Delete: can.remove && (() => actions.toggle("remove", message.id)),
    q: message.quote && (() => actions.toMessage(state.route.key, message.reply_to)),
  };
  return deeds[key];
}

function escape(event, row, state, actions) {
  event.preventDefault();
  if (state.panel?.id === row.dataset.id) {
    actions.closePanel(row.dataset.id);
    row.focus();
  } else {
    focusComposer();
  }
}

function near(row, which) {
  let next = row[which];
  while (next && !next.dataset.id) next = next[which];
  return next;
}

const focusComposer = () => document.querySelector(".composer textarea")?.focus();
