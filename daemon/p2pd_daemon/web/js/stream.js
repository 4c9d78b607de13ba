// The daemon's event stream, resumed where it broke: nothing is missed, nothing comes twice.

const WAIT_MS = 250; // before the first attempt to open it again; twice as long before each next one
const LONGEST_MS = 4000;

// `on.event(kind, data, number)`, `on.open(resumed)`, `on.lost()`; the stream goes on by itself until `close`. `again` is
// for who notices that the daemon does not answer though the connection is there.
export function openStream(kinds, on, after) {
  let source, timer, closed = false, last = after, wait = WAIT_MS, opened = false;

  const again = () => {
    source.close();
    clearTimeout(timer);
    if (closed) return;
    on.lost();
    timer = setTimeout(open, wait);
    wait = Math.min(wait * 2, LONGEST_MS);
  };

  const open = () => {
    source = new EventSource(last === undefined ? "/v1/events" : `/v1/events?after=${last}`);
    source.onopen = () => {
      wait = WAIT_MS;
      on.open(opened);
      opened = true;
    };
    source.onerror = again; // by ourselves rather than by the browser: it gives up on some errors
    for (const kind of kinds) {
      source.addEventListener(kind, (event) => {
        last = Number(event.lastEventId || last);
        on.event(kind, JSON.parse(event.data).data, last);
      });
    }
  };

  open();
  return { close: () => { closed = true; source.close(); clearTimeout(timer); }, again };
}
