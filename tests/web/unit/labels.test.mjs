// Where the names and times of a picture go: none over another, over a shape or beyond the edge.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crosses, distance, overlap, placeLabels } from "../../../daemon/p2pd_daemon/web/js/store/labels.js";
import { numbers } from "./random.mjs";

const SIZE = { width: 340, height: 400 };
const box = (left, top, right, bottom) => ({ left, top, right, bottom });

test("a line crosses a box, passes it, or ends before it", () => {
  const line = (x1, y1, x2, y2) => ({ from: { x: x1, y: y1 }, to: { x: x2, y: y2 } });
  const middle = box(10, 10, 20, 20);
  for (const through of [line(0, 15, 30, 15), line(15, 0, 15, 30), line(0, 0, 30, 30), line(12, 12, 13, 13), line(30, 0, 0, 30)]) {
    assert.ok(crosses(through, middle), JSON.stringify(through));
  }
  for (const past of [line(0, 5, 30, 5), line(0, 0, 9, 9), line(25, 0, 25, 30), line(0, 25, 5, 30), line(0, 15, 5, 15)]) {
    assert.ok(!crosses(past, middle), JSON.stringify(past));
  }
});

test("whatever stands where, no label hides another or a shape; who is wanted always has a name", () => {
  const next = numbers(7);
  for (let round = 0; round < 200; round += 1) {
    const me = { x: 170, y: 200 };
    const nodes = Array.from({ length: 1 + next(20) }, () => ({ x: 52 + next(236), y: 44 + next(312) }));
    const subjects = [...nodes, me].map((at, n) => ({ at, text: "name of somebody".slice(0, 2 + next(12)), always: n === 0 }));
    const links = nodes.map((to) => ({ from: me, to, text: "12 ms" }));
    const { names, times } = placeLabels(subjects, links, SIZE);
    assert.deepEqual([names.length, times.length], [subjects.length, links.length]);
    assert.ok(names[0]);
    const shown = [...names.slice(1), ...times].filter(Boolean);
    for (const [n, label] of shown.entries()) {
      assert.ok(label.box.left >= 0 && label.box.right <= SIZE.width && label.box.top >= 0 && label.box.bottom <= SIZE.height);
      assert.ok(shown.every((other, m) => m <= n || !overlap(label.box, other.box)), `round ${round}`);
      assert.ok(subjects.every(({ at }) => distance(at, label.box) > 16), `round ${round}`);
    }
  }
});

test("a name stands where no line goes through it", () => {
  const me = { x: 170, y: 200 };
  const links = [{ from: me, to: { x: 170, y: 300 }, text: "" }, { from: me, to: { x: 170, y: 100 }, text: "" }];
  const { names: [name] } = placeLabels([{ at: me, text: "ana" }], links, SIZE);
  assert.ok(links.every((link) => !crosses(link, name.box)));
});
