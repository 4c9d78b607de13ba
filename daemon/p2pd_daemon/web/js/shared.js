// One event stream for all tabs of a browser: it allows six connections to a host, and a stream takes one for good.
//
// The tab that has the lock reads the stream and tells the others; when it is closed, the next one has the lock and
// goes on. Each tab knows the number of the last event that it has seen, so nothing is missed and nothing comes twice,
// whoever tells it. What is told: {event}; {link, at}: how the stream is and the number it is at; {hello}: asks for
// that; {from}: asks for what came after a number; {again}: the daemon does not answer.

import { openStream } from "./stream.js";

const NAME = "p2pd events";
const ASK_MS = 5000; // how often a tab in sight asks whether there still is who tells it
const ANSWER_MS = 10_000; // who has not answered by then is asleep

// As `openStream`; where a browser has no locks (it has none at http:// addresses of other computers), a tab has its own.
export function openEvents(kinds, on, after) {
  if (!navigator.locks || !globalThis.BroadcastChannel) return openStream(kinds, on, after);
  const shared = shareStream(kinds, on, after, { locks: navigator.locks, channel: new BroadcastChannel(NAME) });
  setInterval(shared.ask, ASK_MS);
  return shared;
}

export function shareStream(kinds, on, after, { locks, channel }) {
  let last = after, at = after; // seen here; read from the stream, where this tab reads it
  let stream = null, release, waiting, silent, wanted;
  let link = "", opened = false, closed = false;

  const say = (message) => channel.postMessage(message);

  function tell(now) {
    if (!now || now === link) return;
    link = now;
    if (now === "lost") on.lost();
    else {
      on.open(opened);
      opened = true;
    }
  }

  function take({ kind, data, n, before }) {
    const anew = kind === "gap" && n < data.after; // another store, where numbers are lower
    if (!anew && before > last) {
      if (wanted !== last) say({ from: (wanted = last) });
      return;
    }
    if (!anew && n <= last) return;
    last = n;
    on.event(kind, data);
  }

  function read(from) {
    stream?.close();
    at = from;
    const told = (now) => {
      say({ link: now, at });
      tell(now);
    };
    stream = openStream(kinds, {
      event(kind, data, n) {
        const event = { kind, data, n, before: at };
        at = n;
        say({ event });
        take(event);
      },
      open: () => told("live"),
      lost: () => told("lost"),
    }, from);
  }

  function lead() {
    if (closed) return undefined;
    answered();
    read(last);
    return new Promise((done) => { release = done; });
  }

  function stop() {
    stream?.close();
    stream = null;
    release?.();
  }

  async function queue(steal = false) {
    let led = false;
    waiting?.abort();
    waiting = new AbortController();
    const options = steal ? { steal } : { signal: waiting.signal };
    try {
      await locks.request(NAME, options, () => {
        led = true;
        return lead();
      });
    } catch (error) {
      if (closed) return;
      if (led) { // another tab believed that this one is asleep
        stop();
        queue();
        ask();
      } else if (error.name !== "AbortError") lead(); // no locks for this page: a stream of its own
    }
  }

  function ask() {
    if (closed || stream) return;
    say({ hello: true });
    silent ??= setTimeout(() => queue(true), ANSWER_MS);
  }

  function answered() {
    clearTimeout(silent);
    silent = undefined;
  }

  channel.onmessage = ({ data: message }) => {
    if (closed) return;
    if (stream) {
      if (message.from < at) read(message.from);
      if (message.again) stream.again();
      if (message.hello) say({ link, at });
    } else if (message.event || "link" in message) {
      answered();
      if (message.event) take(message.event);
      else {
        tell(message.link);
        if (message.at > last) say({ from: (wanted = last) });
      }
    }
  };

  queue();
  ask();

  return {
    ask,
    again: () => (stream ? stream.again() : say({ again: true })),
    close() {
      closed = true;
      answered();
      waiting.abort();
      stop();
      channel.close();
    },
  };
}
