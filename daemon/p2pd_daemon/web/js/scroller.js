// Keeps the place of reading while messages are put in above and below. `hold` before drawing, `settle` after it.
//
// At the end it stays at the end; elsewhere the message at the top edge stays where it is. The browser's own anchoring
// is off (timeline.css): it lets go at the top edge, and not every browser has it.

const NEAR_END = 24; // pixels from the end that count as the end
const AHEAD = 2; // heights of the view from an end at which more is asked for

export function createScroller(store, actions) {
  let element = null, key = null, pinned = true, anchors = [], handled = 0, width = 0;
  const kept = new Map(); // place → where one was: null at the end, else the anchors

  const resized = new ResizeObserver(() => {
    if (!element || key !== store.state.route.key) return;
    if (pinned) toEnd();
    else if (element.clientWidth !== width) settleAt(anchors);
    width = element.clientWidth;
    look();
  });

  document.addEventListener("visibilitychange", () => look());

  const line = () => store.state.timelines[key];
  const toEnd = () => { element.scrollTop = element.scrollHeight; };

  // Where the first messages in sight are. The rows are in order, so the first is found by halving.
  function measure() {
    const top = element.getBoundingClientRect().top;
    const rows = element.querySelectorAll("[data-id]");
    let low = 0, high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    return [...rows].slice(low, low + 3).map((row) => ({ id: row.dataset.id, at: row.getBoundingClientRect().top - top }));
  }

  function settleAt(wanted) {
    for (const { id, at } of wanted) {
      const row = rowOf(id);
      if (!row) continue;
      const moved = row.getBoundingClientRect().top - element.getBoundingClientRect().top - at;
      if (moved) element.scrollTop += moved;
      return true;
    }
    return false;
  }

  // Where the same message is within a pixel, it counts as not moved: else fractions of pixels would add up.
  function steady(measured) {
    const [now] = measured, [was] = anchors;
    return now && was && now.id === was.id && Math.abs(now.at - was.at) < 1 ? anchors : measured;
  }

  const rowOf = (id) => element.querySelector(`[data-id="${CSS.escape(id)}"]`);

  function atEnd() {
    return element.scrollHeight - element.scrollTop - element.clientHeight <= NEAR_END && !line()?.newer;
  }

  // After anything that moved: what is in sight, and whether more is wanted.
  function look() {
    if (!element || key !== store.state.route.key || !line()?.messages.length) return;
    pinned = atEnd();
    anchors = steady(measure());
    kept.set(key, pinned ? null : anchors);
    if (store.state.atEnd !== pinned || (pinned && store.state.places[key]?.unread)) actions.setAtEnd(key, pinned);
    if (line().loading || store.state.link !== "live") return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    if (scrollTop < AHEAD * clientHeight) actions.older(key);
    else if (scrollHeight - scrollTop - clientHeight < AHEAD * clientHeight) actions.newer(key);
  }

  function opened(now) {
    key = now;
    const { newFrom } = line() ?? {};
    const before = kept.get(key);
    if (before && settleAt(before)) return;
    toEnd();
    const first = newFrom && element.querySelector("[data-new]");
    const above = first && first.getBoundingClientRect().top - element.getBoundingClientRect().top;
    if (first && above < 0) element.scrollTop += above - 8;
  }

  function aim({ id, end }) {
    if (end) return toEnd();
    const row = rowOf(id);
    if (!row) return undefined;
    const view = element.getBoundingClientRect();
    const place = row.getBoundingClientRect();
    element.scrollTop += place.top - view.top - Math.max(0, (view.height - place.height) / 2);
    row.focus({ preventScroll: true });
    row.classList.add("found");
    setTimeout(() => row.classList.remove("found"), 2500);
    return undefined;
  }

  return {
    // lit's `ref`: the element, or undefined when it goes.
    attach: (now) => {
      resized.disconnect();
      element = now ?? null;
      if (!element) {
        key = null;
        return;
      }
      resized.observe(element);
      resized.observe(element.firstElementChild);
    },
    scrolled: look,
    settle() {
      if (!element) return;
      const now = store.state.route.key;
      if (!line() && key === now) return;
      const { target } = store.state;
      const aimed = target && target.n !== handled && target.key === now;
      if (key !== now) {
        if (!store.state.timelines[now]?.messages.length) return; // opened once there is something
        opened(now);
      } else if (!aimed) {
        if (pinned && !line().newer) toEnd();
        else settleAt(anchors);
      }
      if (aimed) {
        handled = target.n;
        aim(target);
      }
      look();
    },
  };
}
