// Saying something, and changing what was said.

import { post } from "./api.js";
import { t } from "./i18n.js";
import { isRoom, keyOf, nameOf, peerKey, roomKey } from "./store/places.js";

export function createSaying(store, actions) {
  const { dispatch } = store;
  let last = Promise.resolve(); // what was typed first goes first

  function post1(key, text, about) {
    if (about?.mode === "edit") return post("/v1/edit", { id: about.id, text });
    if (about?.mode === "reply") return post("/v1/reply", { id: about.id, text });
    const [kind, words] = text.startsWith("/me ") ? ["action", text.slice(4)] : ["text", text];
    if (isRoom(key)) return post("/v1/send", { room: nameOf(key), text: words, kind });
    return post("/v1/msg", { to: nameOf(key), text: words, kind });
  }

  // What could not be sent comes back into the box, before what was typed meanwhile.
  function giveBack(key, text, about) {
    if (about?.mode === "edit") {
      if (!store.state.answering) dispatch({ type: "answering", answering: { ...about, text } });
      return;
    }
    const typed = store.state.drafts[key];
    dispatch({ type: "draft", key, text: typed ? `${text}\n${typed}` : text });
    if (about && !store.state.answering) dispatch({ type: "answering", answering: about });
  }

  function answer(about) {
    dispatch({ type: "answering", answering: about });
    actions.intoComposer();
  }

  return {
    say(key, text) {
      const about = store.state.answering?.key === key ? store.state.answering : null;
      dispatch({ type: "answering", answering: null });
      if (about?.mode !== "edit") dispatch({ type: "draft", key, text: "" });
      const done = last.then(async () => {
        const sent = await actions.attempt(() => post1(key, text, about));
        if (!sent) giveBack(key, text, about);
        else if (about?.mode !== "edit") {
          dispatch({ type: "seen", key });
          if (store.state.route.key === key) actions.toEnd(key);
        }
        return Boolean(sent);
      });
      last = done;
      return done;
    },
    draft: (key, text) => dispatch({ type: "draft", key, text }),

    reply(message) {
      const name = message.name || message.nick;
      answer({ key: keyOf(message), id: message.id, mode: "reply", name, quote: message.text });
    },
    edit: (message) => answer({ key: keyOf(message), id: message.id, mode: "edit", text: message.text }),
    editText: (text) => dispatch({ type: "answering", answering: { ...store.state.answering, text } }),
    stopAnswering: () => dispatch({ type: "answering", answering: null }),

    react: (id, symbol, remove) => actions.attempt(() => post("/v1/react", { id, symbol, remove })),
    remove: (id) => actions.attempt(() => post("/v1/delete", { id })),
    async copy(text) {
      let done = true;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        done = false; // not allowed, or no clipboard
      }
      actions.notice({ kind: done ? "info" : "error", text: t(done ? "copied" : "copy.failed") });
    },

    delivered(data) {
      const key = data.room ? roomKey(data.room) : peerKey(data.peer);
      const { state, reason = "", sent_to: sentTo } = data;
      dispatch({ type: "delivery", key, id: data.id, fields: { state, reason }, sentTo });
    },
  };
}
