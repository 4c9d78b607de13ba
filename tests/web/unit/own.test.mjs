// What the pages for oneself say and write: notifications, the title, export files, names, QR codes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { qrOf } from "../../../daemon/p2pd_daemon/web/js/qr.js";
import { exportName, exportText } from "../../../daemon/p2pd_daemon/web/js/store/export.js";
import { reasonToNotify, titleFor } from "../../../daemon/p2pd_daemon/web/js/store/notify.js";
import { personName, shortId } from "../../../daemon/p2pd_daemon/web/js/store/people.js";
import { reduceUi } from "../../../daemon/p2pd_daemon/web/js/store/ui.js";
import { encode } from "../../../daemon/p2pd_daemon/web/vendor/uqr/uqr.mjs";

const ME = { peer_id: "ME", nick: "Ana" };
const ALL = { direct: true, mentions: true };
const said = (text, more = {}) => ({ from: "B", room: "lobby", text, deleted: false, ...more });

test("a direct message is told of where that is wanted", () => {
  const message = said("hello", { room: null, peer: "B" });
  assert.equal(reasonToNotify(message, ME, ALL), "direct");
  assert.equal(reasonToNotify(message, ME, { ...ALL, direct: false }), null);
});

test("in a room only a mention is told of", () => {
  assert.equal(reasonToNotify(said("ana, look"), ME, ALL), "mention");
  assert.equal(reasonToNotify(said("ana, look"), ME, { ...ALL, mentions: false }), null);
  assert.equal(reasonToNotify(said("banana"), ME, ALL), null);
  assert.equal(reasonToNotify(said("anything"), { ...ME, nick: "" }, ALL), null);
});

test("nothing of one's own, nothing deleted, nothing before it is known who one is", () => {
  assert.equal(reasonToNotify(said("Ana", { from: "ME" }), ME, ALL), null);
  assert.equal(reasonToNotify(said("Ana", { deleted: true }), ME, ALL), null);
  assert.equal(reasonToNotify(said("Ana"), null, ALL), null);
});

test("the title counts", () => {
  assert.deepEqual([0, 1, 99, 100].map(titleFor), ["p2pd", "(1) p2pd", "(99) p2pd", "(99+) p2pd"]);
});

test("an export is a line for the manifest, once, and for each record", () => {
  assert.equal(exportText({ manifest: { p2pd_export: 1 }, lines: [{ id: "a" }] }), '{"p2pd_export":1}\n{"id":"a"}\n');
  assert.equal(exportText({ manifest: null, lines: [] }), "");
});

test("an export's file name is harmless and still readable", () => {
  const day = new Date("2026-03-01T12:00:00Z");
  assert.equal(exportName("Grüße an Zoë", day), "Grüße-an-Zoë-2026-03-01.jsonl");
  assert.equal(exportName("../../etc/passwd", day), "etc-passwd-2026-03-01.jsonl");
  assert.equal(exportName("🎉", day), "p2pd-2026-03-01.jsonl");
  assert.ok(exportName("x".repeat(500), day).length < 80);
});

test("somebody is called as they are known, else by a part of the ID", () => {
  const state = { people: { A: { name: "Ana" } }, peers: [{ peer_id: "B", name: "Bo" }] };
  assert.deepEqual(["A", "B", "12D3KooWabcdefghijklmnop"].map((id) => personName(state, id)), ["Ana", "Bo", "12D3Ko…klmnop"]);
  assert.equal(shortId("short"), "short");
});

test("what a page remembers ends with the page", () => {
  const typed = reduceUi({ ui: { qr: "x" } }, { type: "ui", ui: { nick: "Zoë" } });
  assert.deepEqual(typed.ui, { qr: "x", nick: "Zoë" });
  assert.deepEqual(reduceUi(typed, { type: "route", route: { page: "network" } }).ui, {});
});

test("a QR code's path fills the dark modules and no others", async () => {
  const text = "/ip4/192.168.1.5/tcp/4001/p2p/12D3KooWWFVcWS4GJ4ZPmbWWQrZgmnAtAysRkb22QG7fAQtxjBT2";
  await new Promise((ready) => { assert.equal(qrOf(text, ready), null); });
  const { size, path } = qrOf(text, assert.fail);
  const drawn = Array.from({ length: size }, () => Array(size).fill(false));
  for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1H\1z/g)) drawn[y].fill(true, Number(x), Number(x) + Number(length));
  assert.deepEqual(drawn, encode(text, { border: 4 }).data);
});
