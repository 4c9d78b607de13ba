// What a person can do, and what follows. Each action asks the daemon and changes the state by its answer.

import { ApiError, get, post } from "./api.js";
import { linkTo } from "./router.js";
import { keyOf, nameOf, peerKey, roomKey, whereOf } from "./store/places.js";
import { PAGE, timelineOf } from "./store/timeline.js";

export function createActions(store) {
  const { dispatch } = store;

  // Runs what asks the daemon; what goes wrong becomes a notice. The answer, or undefined.
  async function attempt(work) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      dispatch({ type: "notice", notice: { kind: "error", text: error.message, hint: error.hint } });
      return undefined;
    }
  }

  async function page(key, which, query) {
    if (timelineOf(store.state, key).loading) return;
    dispatch({ type: "loading", key, which });
    const unread = store.state.places[key]?.unread ?? 0;
    const messages = await attempt(() => get("/v1/history", { ...whereOf(key), limit: PAGE, ...query }));
    if (!messages) {
      dispatch({ type: "loading", key, which: null });
      return;
    }
    const newFrom = which === "newest" && unread ? firstUnread(messages, unread, store.state.status?.peer_id) : undefined;
    dispatch({ type: "page", key, which, messages, full: messages.length >= PAGE, newFrom });
  }

  const actions = {
    attempt,
    refresh: () => {}, // set by live.js

    // Where to be

    go(route) {
      dispatch({ type: "route", route });
      if (route.key) actions.open(route.key);
    },
    show(key) { location.hash = linkTo(key); },
    open(key) {
      dispatch({ type: "place-opened", key, title: store.state.people[nameOf(key)]?.name ?? nameOf(key) });
      if (store.state.link === "live" && !timelineOf(store.state, key).messages.length) actions.newest(key);
      actions.read(key);
    },
    reload() {
      const { key } = store.state.route;
      if (key) actions.newest(key);
    },

    // Reading

    newest: (key) => page(key, "newest", {}),
    older(key) {
      const line = timelineOf(store.state, key);
      return line.older && line.messages.length ? page(key, "older", { before: line.messages[0].id }) : undefined;
    },
    newer(key) {
      const line = timelineOf(store.state, key);
      return line.newer && line.messages.length ? page(key, "newer", { after: line.messages.at(-1).id }) : undefined;
    },
    // Records came by comparison: they may belong anywhere, so what is shown is asked for anew.
    fill(key) {
      const line = timelineOf(store.state, key);
      if (line.messages.length && !line.newer) page(key, "newer", {});
    },
    async read(key) {
      if (document.hidden || !store.state.places[key]?.unread) return;
      dispatch({ type: "read", key });
      await attempt(() => post("/v1/read", { target: nameOf(key) }));
    },
    arrived(message) {
      if (keyOf(message) === store.state.route.key) actions.read(keyOf(message));
    },
    delivered(data) {
      const key = data.room ? roomKey(data.room) : peerKey(data.peer);
      dispatch({ type: "delivery", key, id: data.id, fields: { state: data.state, reason: data.reason ?? "" } });
    },
    async heldChanged(key) {
      if (key === store.state.route.key) await page(key, "newer", {}); // the counts of one's own newest messages
    },

    // Saying

    async say(key, text) {
      const { answering } = store.state;
      const done = await attempt(() => {
        if (answering?.mode === "edit") return post("/v1/edit", { id: answering.id, text });
        if (answering?.mode === "reply") return post("/v1/reply", { id: answering.id, text });
        const [kind, words] = text.startsWith("/me ") ? ["action", text.slice(4)] : ["text", text];
        if (key.startsWith("room:")) return post("/v1/send", { room: nameOf(key), text: words, kind });
        return post("/v1/msg", { to: nameOf(key), text: words, kind });
      });
      if (done) {
        dispatch({ type: "answering", answering: null });
        actions.refresh("places");
      }
      return Boolean(done);
    },
    draft: (key, text) => dispatch({ type: "draft", key, text }),
    answer: (answering) => dispatch({ type: "answering", answering }),
    react: (id, symbol, remove) => attempt(() => post("/v1/react", { id, symbol, remove })),
    remove: (id) => attempt(() => post("/v1/delete", { id })),

    // Rooms and people

    async join(room, wire) {
      const joined = await attempt(() => post("/v1/join", wire ? { room, wire } : { room }));
      if (joined) {
        actions.refresh("places");
        actions.show(roomKey(joined.room));
      }
      return joined;
    },
    async leave(key) {
      if (!(await attempt(() => post("/v1/leave", { room: nameOf(key) })))) return;
      dispatch({ type: "left", key });
      actions.refresh("places");
      location.hash = "#start";
    },
    connect: (addr) => attempt(() => post("/v1/connect", { addr })),
    prefer: (preferences) => dispatch({ type: "preferences", preferences }),
    notice: (notice) => dispatch({ type: "notice", notice }),
    dismiss: (n) => dispatch({ type: "notice-gone", n }),
  };
  return actions;
}

// The first of the newest `count` messages of others.
function firstUnread(messages, count, me) {
  const others = messages.filter((message) => message.from !== me);
  return others.at(-Math.min(count, others.length))?.id ?? null;
}
