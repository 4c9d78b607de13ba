// QR codes: what draws them is only loaded when one is wanted.

const QUIET = 4; // modules of white around it, which readers need (ISO/IEC 18004)

let encoder = null;
const drawn = new Map(); // text → {size, path}

// {size, path} for an SVG with a viewBox of `size`, or null: then `ready` is called as soon as it is there.
export function qrOf(text, ready) {
  if (!drawn.has(text) && encoder) drawn.set(text, toPath(encoder(text, { border: QUIET })));
  if (!encoder) import("../vendor/uqr/uqr.mjs").then(({ encode }) => { encoder = encode; ready(); }, () => {});
  return drawn.get(text) ?? null;
}

function toPath({ size, data }) {
  const parts = [];
  data.forEach((row, y) => {
    for (let x = 0; x < size; x += 1) {
      if (!row[x]) continue;
      const begin = x;
      while (row[x + 1]) x += 1;
      parts.push(`M${begin} ${y}h${x - begin + 1}v1H${begin}z`);
    }
  });
  return { size, path: parts.join("") };
}
