// What the pages for oneself (start, receive, send, network, settings) remember while they are shown: what is being
// typed, what was just copied, which peer is chosen. Another page begins with nothing of it.

export function reduceUi(state, action) {
  switch (action.type) {
    case "ui":
      return { ...state, ui: { ...state.ui, ...action.ui } };
    case "route":
      return { ...state, ui: {} };
    default:
      return state;
  }
}
