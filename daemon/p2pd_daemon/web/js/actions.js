// What a person can do, and what follows. Each action asks the daemon and changes the state by its answer.

import { ApiError, post } from "./api.js";
import { t } from "./i18n.js";
import { createPanels } from "./panels.js";
import { createReading } from "./reading.js";
import { linkTo } from "./router.js";
import { createSaying } from "./saying.js";
import { nameOf, roomKey } from "./store/places.js";

const INFO_MS = 4000; // how long a notice stays that asks for nothing

export function createActions(store) {
  const { dispatch } = store;

  // Runs what asks the daemon; what goes wrong becomes a notice. The answer, or undefined.
  async function attempt(work, { quiet = false } = {}) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const gone = error.status === 0; // the banner says so
      if (!(quiet && gone)) actions.notice({ kind: "error", text: gone ? t("gone") : error.message, hint: error.hint });
      return undefined;
    }
  }

  const actions = {
    attempt,
    now: () => store.state,
    refresh: () => {}, // set by live.js

    go(route) {
      const { key } = store.state.route;
      if (key && !store.state.places[key]?.unread) dispatch({ type: "seen", key });
      dispatch({ type: "route", route });
      if (route.key) actions.open(route.key);
    },
    show(key) { location.hash = linkTo(key); },

    async join(room, wire) {
      const joined = await attempt(() => post("/v1/join", wire ? { room, wire } : { room }));
      if (joined) {
        await actions.loadPlaces();
        actions.show(roomKey(joined.room));
        if (store.state.route.key === roomKey(joined.room)) actions.open(roomKey(joined.room));
      }
      return joined;
    },
    async leave(key) {
      if (!(await attempt(() => post("/v1/leave", { room: nameOf(key) })))) return;
      dispatch({ type: "left", key });
      actions.refresh("places");
      location.hash = "#start";
    },
    loadPlaces: async () => {}, // set by live.js
    connect: (addr) => attempt(() => post("/v1/connect", { addr })),
    prefer: (preferences) => dispatch({ type: "preferences", preferences }),
    notice(notice) {
      dispatch({ type: "notice", notice });
      const { n } = store.state.notices.at(-1);
      if (notice.kind === "info") setTimeout(() => actions.dismiss(n), INFO_MS);
    },
    dismiss: (n) => dispatch({ type: "notice-gone", n }),
  };
  return Object.assign(actions, createReading(store, actions), createSaying(store, actions), createPanels(store, actions));
}
