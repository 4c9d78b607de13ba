// Starts the page: state, the daemon's news, and drawing once a frame after each change.

import { createActions } from "./actions.js";
import { chooseLanguage } from "./i18n.js";
import { loadDrafts, loadPreferences, saveDrafts, savePreferences } from "./kept.js";
import { followDaemon } from "./live.js";
import { watchAttention } from "./attention.js";
import { createOwn, watchOwn } from "./own.js";
import { parseRoute } from "./router.js";
import { initialState, reduce } from "./store/state.js";
import { createStore } from "./store/store.js";
import { render } from "../vendor/lit-html/lit-html.js";
import { createScroller } from "./scroller.js";
import { shell } from "./views/shell.js";

const store = createStore(reduce, initialState(loadPreferences()));
const actions = createActions(store);
Object.assign(actions, createOwn(store, actions));
const scroller = createScroller(store, actions);
actions.timeline = scroller;

let drawn = 0;
const draw = () => {
  drawn = 0;
  render(shell(store.state, actions), document.body);
  scroller.settle();
};
const drawSoon = () => { drawn ||= requestAnimationFrame(draw); };
store.subscribe(drawSoon);

function keep(part, what) {
  let last = part(store.state);
  store.subscribe((state) => {
    if (part(state) !== last) what((last = part(state)));
  });
}

async function follow(preferences) {
  document.documentElement.dataset.theme = preferences.theme;
  await chooseLanguage(preferences.language);
  drawSoon();
}

const readRoute = () => actions.go(parseRoute(location.pathname, location.hash));

document.querySelector("noscript").remove();
await follow(store.state.preferences);
keep((state) => state.preferences, (preferences) => { savePreferences(preferences); follow(preferences); });
keep((state) => state.drafts, saveDrafts);
store.dispatch({ type: "drafts", drafts: loadDrafts() });
watchAttention(store, actions);
watchOwn(store, actions);
addEventListener("hashchange", readRoute);
readRoute();
draw();
followDaemon(store, actions);
