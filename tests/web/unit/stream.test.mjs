// The event stream goes on after the last event that was seen, and waits longer each time the daemon is gone.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { openStream } from "../../../daemon/p2pd_daemon/web/js/stream.js";

let sources, seen;

class FakeSource {
  constructor(url) {
    Object.assign(this, { url, listeners: {}, closed: false });
    sources.push(this);
  }
  addEventListener(kind, listener) { this.listeners[kind] = listener; }
  close() { this.closed = true; }
  send(kind, id, data) { this.listeners[kind]({ lastEventId: id, data: JSON.stringify({ data }) }); }
}

beforeEach(() => {
  sources = [];
  seen = [];
  globalThis.EventSource = FakeSource;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

const open = (after) => openStream(["message"], {
  event: (kind, data) => seen.push([kind, data]),
  open: (resumed) => seen.push(["open", resumed]),
  lost: () => seen.push(["lost"]),
}, after);

test("it begins where the lists were loaded, and resumes after the last event", () => {
  open(7);
  assert.equal(sources[0].url, "/v1/events?after=7");
  sources[0].onopen();
  sources[0].send("message", "9", { text: "hi" });
  sources[0].onerror();
  assert.ok(sources[0].closed);
  mock.timers.tick(250);
  assert.equal(sources[1].url, "/v1/events?after=9");
  sources[1].onopen();
  assert.deepEqual(seen, [["open", false], ["message", { text: "hi" }], ["lost"], ["open", true]]);
});

test("number 0 is a number; none means from now on", () => {
  open(0);
  open(undefined);
  assert.deepEqual(sources.map((one) => one.url), ["/v1/events?after=0", "/v1/events"]);
});

test("it waits longer each time, and not forever; a success begins anew", () => {
  open(1);
  for (const wait of [250, 500, 1000, 2000, 4000, 4000]) {
    const { length } = sources;
    sources.at(-1).onerror();
    mock.timers.tick(wait - 1);
    assert.equal(sources.length, length);
    mock.timers.tick(1);
    assert.equal(sources.length, length + 1);
  }
  sources.at(-1).onopen();
  sources.at(-1).onerror();
  const { length } = sources;
  mock.timers.tick(250);
  assert.equal(sources.length, length + 1);
});

test("closed, it stays closed", () => {
  const stream = open(1);
  sources[0].onerror();
  stream.close();
  mock.timers.tick(10_000);
  assert.equal(sources.length, 1);
  stream.again();
  mock.timers.tick(10_000);
  assert.equal(sources.length, 1);
});
