// Tabs share one stream: each has every event once and in order, whoever reads the stream and whenever that one goes.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { shareStream } from "../../../daemon/p2pd_daemon/web/js/shared.js";
import { numbers as random } from "./random.mjs";

let browser;

class Source {
  constructor(url) {
    Object.assign(this, { url, listeners: {}, closed: false, read: Number(new URL(url, "http://p2pd").searchParams.get("after")) });
    browser.sources.push(this);
  }
  addEventListener(kind, listener) { this.listeners[kind] = listener; }
  close() { this.closed = true; }
  next() {
    this.onopen();
    this.read += 1;
    this.send("message", this.read, { n: this.read });
  }
  send(kind, n, data) { this.listeners[kind]({ lastEventId: String(n), data: JSON.stringify({ data }) }); }
}

// Everything that takes time waits in `tasks` until the test lets it happen. What one tab tells another stays in order,
// and nothing else does.
class Browser {
  sources = [];
  tasks = [];
  channels = [];
  holder = null;
  queue = [];
  newest = 0;

  later(from, to, run) { this.tasks.push({ from, to, run }); }

  channel() {
    const channel = {
      postMessage: (data) => {
        for (const other of this.channels) {
          if (other !== channel) this.later(channel, other, () => other.onmessage?.({ data: structuredClone(data) }));
        }
      },
      close: () => { this.channels = this.channels.filter((one) => one !== channel); },
    };
    this.channels.push(channel);
    return channel;
  }

  locks = {
    request: (_name, { steal, signal }, work) => new Promise((done, fail) => {
      const asked = { work, done, fail };
      signal?.addEventListener("abort", () => {
        if (!this.queue.includes(asked)) return;
        this.queue = this.queue.filter((one) => one !== asked);
        fail(new DOMException("", "AbortError"));
      });
      if (steal) {
        this.holder?.fail(new DOMException("", "AbortError"));
        this.holder = null;
        this.queue.unshift(asked);
      } else this.queue.push(asked);
      this.grant();
    }),
  };

  grant() {
    if (this.holder || !this.queue.length) return;
    const asked = (this.holder = this.queue.shift());
    this.later(this, this, async () => {
      if (this.holder !== asked) return;
      await asked.work();
      if (this.holder !== asked) return;
      this.holder = null;
      asked.done();
      this.grant();
    });
  }

  get open() { return this.sources.filter((one) => !one.closed); }

  tab(after = this.newest) {
    const channel = this.channel();
    const tab = { seen: [], links: [], after, channel };
    tab.stream = shareStream(["message", "gap"], {
      event: (_kind, data) => tab.seen.push(data.n ?? "gap"),
      open: (resumed) => tab.links.push(resumed ? "again" : "open"),
      lost: () => tab.links.push("lost"),
    }, after, { locks: this.locks, channel });
    return tab;
  }

  // One thing that may happen next: an event of the stream, a message, or that a tab gets the lock.
  async step(choose = () => 0) {
    const ready = this.open.filter((one) => one.read < this.newest);
    const first = this.tasks.filter(({ from, to }, n) => n === this.tasks.findIndex((one) => one.from === from && one.to === to));
    if (!ready.length && !first.length) return;
    const n = choose(ready.length + first.length);
    if (n < ready.length) ready[n].next();
    else {
      const task = first[n - ready.length];
      this.tasks = this.tasks.filter((one) => one !== task);
      task.run();
    }
    await new Promise(setImmediate);
  }

  async settle() {
    await new Promise(setImmediate);
    while (this.tasks.length || this.open.some((one) => one.read < this.newest)) await this.step();
  }
}

beforeEach(() => {
  browser = new Browser();
  globalThis.EventSource = Source;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

const numbers = (from, to) => Array.from({ length: to - from }, (_one, n) => from + 1 + n);

test("one stream for all, and each tab has what came after it began", async () => {
  const first = browser.tab();
  await browser.settle();
  browser.newest = 3;
  await browser.settle();
  const second = browser.tab();
  browser.newest = 5;
  await browser.settle();
  assert.equal(browser.open.length, 1);
  assert.deepEqual(first.seen, [1, 2, 3, 4, 5]);
  assert.deepEqual(second.seen, [4, 5]);
});

test("the next tab goes on when the one that reads is closed", async () => {
  const [first, second, third] = [browser.tab(), browser.tab(), browser.tab()];
  browser.newest = 2;
  await browser.settle();
  first.stream.close();
  browser.newest = 4;
  await browser.settle();
  assert.equal(browser.open.length, 1);
  assert.equal(browser.open[0].url, "/v1/events?after=2");
  assert.deepEqual([second.seen, third.seen], [[1, 2, 3, 4], [1, 2, 3, 4]]);
});

test("a tab that knows less than the stream is at gets the rest, and the others nothing twice", async () => {
  const first = browser.tab(10);
  browser.newest = 12;
  browser.sources.forEach((one) => { one.read = 10; });
  await browser.settle();
  const late = browser.tab(7);
  await browser.settle();
  assert.deepEqual(first.seen, [11, 12]);
  assert.deepEqual(late.seen, [8, 9, 10, 11, 12]);
});

test("all hear that the daemon is gone and that it is back", async () => {
  const [first, second] = [browser.tab(), browser.tab()];
  await browser.settle();
  browser.open[0].onopen();
  await browser.settle();
  second.stream.again();
  await browser.settle();
  mock.timers.tick(250);
  browser.open[0].onopen();
  await browser.settle();
  for (const tab of [first, second]) assert.deepEqual(tab.links, ["open", "lost", "again"]);
});

test("another store, with lower numbers, is begun anew by all", async () => {
  const [first, second] = [browser.tab(100), browser.tab(100)];
  await browser.settle();
  browser.newest = 5;
  browser.open[0].read = 5;
  browser.open[0].send("gap", 5, { after: 100, oldest: 6 });
  browser.newest = 6;
  await browser.settle();
  for (const tab of [first, second]) assert.deepEqual(tab.seen, ["gap", 6]);
});

test("whoever sleeps loses the lock, and follows when it wakes", async () => {
  const [sleeper, second] = [browser.tab(), browser.tab()];
  await browser.settle();
  const { onmessage } = sleeper.channel;
  sleeper.channel.onmessage = null;
  second.stream.ask();
  await browser.settle();
  mock.timers.tick(10_000);
  await browser.settle();
  assert.equal(browser.open.length, 1);
  browser.newest = 2;
  await browser.settle();
  assert.deepEqual(second.seen, [1, 2]);
  sleeper.channel.onmessage = onmessage;
  sleeper.stream.ask();
  await browser.settle();
  assert.deepEqual(sleeper.seen, [1, 2]);
  assert.equal(browser.open.length, 1);
});

test("who answers keeps the lock", async () => {
  const [, second] = [browser.tab(), browser.tab()];
  await browser.settle();
  const [source] = browser.open;
  for (let n = 0; n < 5; n += 1) {
    second.stream.ask();
    await browser.settle();
    mock.timers.tick(9_000);
  }
  await browser.settle();
  assert.deepEqual(browser.open, [source]);
});

test("without locks for this page it has a stream of its own", async () => {
  browser.locks = { request: () => Promise.reject(new DOMException("", "SecurityError")) };
  const tab = browser.tab();
  browser.newest = 1;
  await browser.step();
  await browser.settle();
  assert.deepEqual(tab.seen, [1]);
});

test("tabs that come and go at any moment miss nothing and have nothing twice", async () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const below = random(seed * 7919);
    browser = new Browser();
    let tabs = [];
    for (let n = 0; n < 120; n += 1) {
      const what = below(10);
      if (what === 0 && tabs.length < 8) tabs.push(browser.tab(Math.max(0, browser.newest - below(4)))); // it heard the number, and the others went on
      else if (what === 1 && tabs.length > 1) tabs.splice(below(tabs.length), 1)[0].stream.close();
      else if (what < 4) browser.newest += 1;
      else await browser.step(below);
    }
    tabs = tabs.concat(browser.tab());
    browser.newest += 1;
    await browser.settle();
    for (const tab of tabs) assert.deepEqual(tab.seen, numbers(tab.after, browser.newest), `seed ${seed}`);
    assert.equal(browser.open.length, 1, `seed ${seed}`);
  }
});
