// The whole state, and the reducer of what is no place and no timeline.

import { reducePlaces } from "./places.js";
import { chain } from "./store.js";
import { reduceTimelines } from "./timeline.js";

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
    answering: null, // {key, id, mode: "reply" | "edit"}: what the composer is about
    search: null, // {key, text, found, busy}
    notices: [], // {n, kind: "error" | "info", text, hint}
    preferences,
  };
}

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
      return { ...state, route: action.route, answering: null, search: null };
    case "draft":
      return { ...state, drafts: { ...state.drafts, [action.key]: action.text } };
    case "drafts":
      return { ...state, drafts: action.drafts };
    case "answering":
      return { ...state, answering: action.answering };
    case "search":
      return { ...state, search: action.search };
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

export const reduce = chain(reduceRest, reducePlaces, reduceTimelines);
