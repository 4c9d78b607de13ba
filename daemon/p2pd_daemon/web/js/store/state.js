// The whole state, and the reducer of what is no place and no timeline.

import { reducePlaces } from "./places.js";
import { chain } from "./store.js";
import { reduceTimelines } from "./timeline.js";
import { reduceUi } from "./ui.js";

export function initialState(preferences) {
  return {
    link: "connecting", // to the daemon: "connecting", "live", "lost" or "denied" (no token)
    status: null, // GET /v1/status
    places: {},
    timelines: {},
    people: {}, // peer ID → Contact
    peers: [], // connected ones, GET /v1/peers
    route: { page: "start" },
    drafts: {}, // place key → text
    answering: null, // {key, id, mode: "reply" | "edit", text?, name?, quote?}: what the composer is about
    atEnd: true, // whether the newest message of the open place is in sight
    active: null, // id of the message that is pointed at or has the focus: its buttons are shown
    target: null, // {n, key, id} or {n, key, end}: where to scroll, once for each n
    spoken: [], // the latest messages that came while the place was in sight, for screen readers
    panel: null, // {kind, …}: what is open beside the messages: "members", "join", "talk", and at a message "react", "remove", "versions"
    offer: null, // {key, word, names, chosen}: names offered to complete what is being typed
    search: null, // {key, text, found, busy}
    textBytes: 0, // the most that one message may have; 0: any
    ui: {}, // what the pages for oneself remember, see ui.js
    notices: [], // {n, kind: "error" | "info", text, hint}
    preferences,
  };
}

const SPOKEN = 5;
let notices = 0;

function reduceRest(state, action) {
  switch (action.type) {
    case "link":
      return state.link === action.link ? state : { ...state, link: action.link };
    case "status":
      return { ...state, status: action.status };
    case "people":
      return { ...state, people: Object.fromEntries(action.people.map((one) => [one.peer_id, one])) };
    case "peers":
      return { ...state, peers: action.peers };
    case "route":
      return {
        ...state, route: action.route, answering: null, search: null, active: null, panel: null, offer: null,
        spoken: [], atEnd: true,
      };
    case "draft":
      return { ...state, drafts: { ...state.drafts, [action.key]: action.text } };
    case "drafts":
      return { ...state, drafts: action.drafts };
    case "answering":
      return { ...state, answering: action.answering };
    case "search":
      return { ...state, search: action.search };
    case "at-end":
      return state.atEnd === action.atEnd ? state : { ...state, atEnd: action.atEnd };
    case "active":
      return state.active === action.id ? state : { ...state, active: action.id };
    case "target":
      return { ...state, target: action.target, active: action.target.id ?? null };
    case "spoken":
      return { ...state, spoken: [...state.spoken, action.message].slice(-SPOKEN) };
    case "panel":
      return { ...state, panel: action.panel };
    case "offer":
      return state.offer === action.offer ? state : { ...state, offer: action.offer };
    case "limits":
      return { ...state, textBytes: action.textBytes };
    case "preferences":
      return { ...state, preferences: { ...state.preferences, ...action.preferences } };
    case "notice":
      notices += 1;
      return { ...state, notices: [...state.notices.slice(-3), { n: notices, ...action.notice }] };
    case "notice-gone":
      return { ...state, notices: state.notices.filter((one) => one.n !== action.n) };
    default:
      return state;
  }
}

export const reduce = chain(reduceRest, reduceUi, reducePlaces, reduceTimelines);
