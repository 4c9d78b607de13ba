// Reading a place: what is loaded of it, where one is in it, what counts as read, and searching in it.

import { get, post } from "./api.js";
import { personName } from "./store/people.js";
import { isRoom, keyOf, nameOf, whereOf } from "./store/places.js";
import { firstUnread, KEPT, PAGE, timelineOf } from "./store/timeline.js";

const AROUND = PAGE / 2; // messages on either side of one that is jumped to
const LOOK = 1000; // messages looked through at once for the first unread one, the most that the daemon gives
const LOOKS = 20; // so often: a place with more unread messages opens at its newest
const FOUND = 50; // results of a search
const READ_MS = 300; // reading is told the daemon once for all messages that come within
const AGAIN_MS = 700; // so are records that came by comparison

export function createReading(store, actions) {
  const { dispatch } = store;
  const again = new Set(); // keys of places to be asked for anew
  const reading = new Map(); // key → timer
  let targets = 0;

  const history = (key, limit, query = {}) => get("/v1/history", { ...whereOf(key), limit, ...query });

  // One page at a time. `ask` gives what the reducer needs beside `which`.
  async function page(key, which, ask) {
    if (timelineOf(store.state, key).loading) return false;
    dispatch({ type: "loading", key, which });
    const answer = await actions.attempt(ask, { quiet: true });
    dispatch(answer ? { type: "page", key, which, ...answer } : { type: "loading", key, which: null });
    if (again.has(key)) soonAgain(key, 0);
    return Boolean(answer);
  }

  const newest = (key) => page(key, "newest", () => newestOf(key, unreadOf(key)));
  const unreadOf = (key) => store.state.places[key]?.unread ?? 0;

  async function newestOf(key, unread) {
    const limit = Math.min(Math.max(PAGE, unread + PAGE / 2, timelineOf(store.state, key).messages.length), KEPT);
    const messages = await history(key, limit);
    return { messages, older: messages.length >= limit, newFrom: firstUnread(messages, unread, store.state.status?.peer_id) };
  }

  // Where what is new begins, also where the newest page does not go back so far.
  const whereNew = (key) => page(key, "newest", async () => {
    const unread = unreadOf(key);
    const end = await newestOf(key, unread);
    const first = unread && !end.newFrom && end.older ? await lookBack(key, end.messages, unread) : null;
    return first ? { ...(await surroundings(key, first)), newFrom: first } : end;
  });

  // The id of the first unread message, `unread` back from the end of which `messages` are known; null beyond LOOKS.
  async function lookBack(key, messages, unread) {
    const me = store.state.status?.peer_id;
    let [known, left] = [messages, unread];
    for (let n = 0; n < LOOKS && known.length; n += 1) {
      left -= known.filter((message) => message.from !== me).length;
      known = await history(key, LOOK, { before: known[0].id });
      const first = firstUnread(known, left, me);
      if (first) return first;
    }
    return null;
  }

  function older(key) {
    const { older: more, messages: [first] } = timelineOf(store.state, key);
    return more && first && page(key, "older", async () => {
      const messages = await history(key, PAGE, { before: first.id });
      return { messages, older: messages.length >= PAGE };
    });
  }

  function newer(key) {
    const { newer: more, messages } = timelineOf(store.state, key);
    return more && messages.length && page(key, "newer", async () => {
      const next = await history(key, PAGE, { after: messages.at(-1).id });
      return { messages: next, newer: next.length >= PAGE };
    });
  }

  // What came may belong anywhere between the messages that are shown.
  function anew(key) {
    const line = timelineOf(store.state, key);
    if (!line.messages.length || (store.state.atEnd && !line.newer)) return newest(key);
    return page(key, "again", async () => {
      const messages = await history(key, KEPT, { after: line.messages[0].id });
      return { messages, newer: messages.length >= KEPT };
    });
  }

  function soonAgain(key, delay = AGAIN_MS) {
    if (again.has(key) && delay) return;
    again.add(key);
    setTimeout(() => {
      if (timelineOf(store.state, key).loading) return; // `page` comes back to it
      again.delete(key);
      if (key === store.state.route.key) anew(key);
      else dispatch({ type: "forget", key });
    }, delay);
  }

  // Several calls within a moment are one request.
  function read(key) {
    if (store.state.places[key]?.unread) dispatch({ type: "read", key });
    if (reading.has(key)) return;
    reading.set(key, setTimeout(() => {
      reading.delete(key);
      actions.attempt(() => post("/v1/read", { target: nameOf(key) }), { quiet: true });
    }, READ_MS));
  }

  const target = (fields) => dispatch({ type: "target", target: { n: (targets += 1), ...fields } });
  const watched = (key) => key === store.state.route.key && store.state.atEnd && !document.hidden;

  return {
    newest, older, newer, watched, read,

    open(key) {
      if (store.state.link !== "live") return; // `reload` follows
      const known = store.state.places[key];
      if (isRoom(key) && !known) return; // the page offers to join
      if (!known) {
        dispatch({ type: "place-opened", key, title: personName(store.state, nameOf(key)) });
      }
      if (!timelineOf(store.state, key).messages.length) whereNew(key);
    },
    reload() {
      const { key } = store.state.route;
      if (key) this.open(key);
    },

    // The view says whether the newest message is in sight.
    setAtEnd(key, atEnd) {
      dispatch({ type: "at-end", atEnd });
      if (watched(key) && store.state.places[key]?.unread) read(key);
    },

    arrived(message) {
      const key = keyOf(message);
      const mine = message.from === store.state.status?.peer_id;
      const counted = !mine && !watched(key);
      const elsewhere = key === store.state.route.key && !store.state.atEnd; // reading further up
      dispatch({ type: "message", message, counted, first: counted && !store.state.places[key]?.unread, elsewhere });
      if (watched(key)) {
        if (!mine) read(key);
        dispatch({ type: "spoken", message });
      }
    },
    changedBehind: (key) => timelineOf(store.state, key).messages.length && soonAgain(key),

    async toEnd(key) {
      if (timelineOf(store.state, key).newer) await newest(key);
      target({ key, end: true });
    },
    async toMessage(key, id) {
      const here = timelineOf(store.state, key).messages.some((one) => one.id === id);
      if (!here && !(await page(key, "around", () => surroundings(key, id)))) return;
      target({ key, id });
    },
    activate: (id) => dispatch({ type: "active", id }),

    async search(key, text) {
      if (!text.trim()) return dispatch({ type: "search", search: { key, text, found: null, busy: false } });
      dispatch({ type: "search", search: { key, text, found: null, busy: true } });
      const found = await actions.attempt(() => history(key, FOUND, { search: text }));
      const now = store.state.search;
      if (now?.key !== key || now.text !== text) return undefined; // another one meanwhile
      return dispatch({ type: "search", search: { key, text, found: found?.toReversed() ?? null, busy: false } });
    },
    openSearch(key) {
      dispatch({ type: "search", search: { key, text: "", found: null, busy: false } });
      requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector(".search input")?.focus()));
    },
    closeSearch: () => dispatch({ type: "search", search: null }),
  };

  async function surroundings(key, id) {
    const [before, { message }, after] = await Promise.all([
      history(key, AROUND, { before: id }), get("/v1/message", { id }), history(key, AROUND, { after: id }),
    ]);
    const messages = [...before, message, ...after];
    return { messages, older: before.length >= AROUND, newer: after.length >= AROUND };
  }
}
