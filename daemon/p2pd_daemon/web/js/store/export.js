// An export as a file: a manifest, then a line for each record, as PROTOCOL.md has it.

export function exportText({ manifest, lines }) {
  const all = manifest ? [manifest, ...lines] : lines;
  return all.map((line) => `${JSON.stringify(line)}\n`).join("");
}

// A file name that every system takes.
export function exportName(place, when) {
  const plain = place.normalize("NFC").replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 60);
  return `${plain || "p2pd"}-${when.toISOString().slice(0, 10)}.jsonl`;
}
