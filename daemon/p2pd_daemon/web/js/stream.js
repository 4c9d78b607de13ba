// The daemon's event stream, resumed where it broke: nothing is missed, nothing comes twice.

const KINDS = [
  "message", "edit", "delete", "reaction", "delivery", "held", "profile", "peer", "member", "room", "synced",
  "imported", "gap",
];
const SILENCE_MS = 40_000; // the daemon sends something every 15 s; a dead connection may not tell

// `on.event(kind, data)`, `on.open(resumed)`, `on.lost()`; the stream goes on by itself until `close`.
export function openStream(on, after) {
  let source, timer, closed = false, last = after, wait = 250, opened = false;

  const heard = (event) => {
    if (event?.lastEventId) last = event.lastEventId;
    clearTimeout(timer);
    timer = setTimeout(again, SILENCE_MS);
  };

  const again = () => {
    source.close();
    clearTimeout(timer);
    if (closed) return;
    on.lost();
    timer = setTimeout(open, wait);
    wait = Math.min(wait * 2, 4000);
  };

  const open = () => {
    source = new EventSource(last === undefined ? "/v1/events" : `/v1/events?after=${last}`);
    source.onopen = () => {
      wait = 250;
      heard();
      on.open(opened);
      opened = true;
    };
    source.onerror = again; // by ourselves rather than by the browser: it gives up on some errors
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        heard(event);
        on.event(kind, JSON.parse(event.data).data);
      });
    }
    timer = setTimeout(again, SILENCE_MS);
  };

  open();
  return { close: () => { closed = true; source.close(); clearTimeout(timer); } };
}
