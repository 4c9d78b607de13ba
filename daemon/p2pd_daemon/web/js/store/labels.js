// Where the names and times of a picture go, so that none hides another, a shape, or more lines than it must. Pure.
//
// A label is {text, x, y, box}: the middle of its baseline, and what it covers. What fits nowhere is left out: the table beside the picture has it.

const SHAPE = 17; // half the size of the largest shape, which is round
const LETTER = { name: 7.3, time: 6.3 }; // widths as letters go
const LINE = { name: 16, time: 14 }; // heights
const ALONG = [0.58, 0.68, 0.48, 0.78]; // of a link, where its time may stand

// `subjects` are [{at: {x, y}, text, always?}], the most wanted first: their names; `links` as of `layOut`, with `text`.
// Gives the labels of both in the same order, null for one that is left out unless it is wanted `always`.
export function placeLabels(subjects, links, { width, height }) {
  const taken = [];
  const free = (box) => box.left >= 0 && box.right <= width && box.top >= 0 && box.bottom <= height
    && !taken.some((one) => overlap(one, box)) && !subjects.some(({ at }) => distance(at, box) < SHAPE);
  const take = (options, among, always) => {
    const crossed = (label) => among.filter((link) => crosses(link, label.box)).length;
    const best = options.filter((label) => free(label.box))
      .reduce((least, label) => (least && crossed(least) <= crossed(label) ? least : label), null) ?? (always ? options[0] : null);
    if (best) taken.push(best.box);
    return best;
  };
  const names = subjects.map(({ at, text, always }) => take(beside(at, text, at.y < height / 2), links, always));
  const times = links.map((link) => (link.text ? take(along(link), links.filter((other) => other !== link)) : null));
  return { names, times };
}

// Away from the middle first, where the lines come from.
function beside({ x, y }, text, above) {
  const side = SHAPE + 5 + widthOf(text, "name") / 2;
  const places = [[0, -22], [0, 33], [side, 5], [-side, 5]];
  if (!above) places.unshift(...places.splice(1, 1));
  return places.map(([dx, dy]) => labelAt(text, x + dx, y + dy, "name"));
}

const along = ({ from, to, text }) => ALONG.map((part) =>
  labelAt(text, from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part + 4, "time"));

const widthOf = (text, kind) => LETTER[kind] * [...text].length;

function labelAt(text, x, y, kind) {
  const half = widthOf(text, kind) / 2 + 2;
  return { text, x: round(x), y: round(y), box: { left: x - half, right: x + half, top: y - LINE[kind] + 4, bottom: y + 4 } };
}

const round = (value) => Math.round(value * 10) / 10;

export const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

export const distance = ({ x, y }, box) =>
  Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));

// Whether a line goes through a box: what is left of it after cutting off what is outside of each edge.
export function crosses({ from, to }, box) {
  let [begin, end] = [0, 1];
  for (const [start, step, low, high] of [[from.x, to.x - from.x, box.left, box.right], [from.y, to.y - from.y, box.top, box.bottom]]) {
    if (step === 0) {
      if (start < low || start > high) return false;
      continue;
    }
    const cuts = [(low - start) / step, (high - start) / step];
    begin = Math.max(begin, Math.min(...cuts));
    end = Math.min(end, Math.max(...cuts));
  }
  return begin < end;
}
