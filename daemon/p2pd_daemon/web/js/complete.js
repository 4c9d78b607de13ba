// Completion of names of people and rooms while one writes. Pure.

const MOST = 8; // names offered at once

// The word that ends at the caret: {sign: "@" | "#" | "", typed, start}; null in the middle of a word.
export function wordAt(text, caret) {
  if (/^[\p{L}\p{N}_]/u.test(text.slice(caret))) return null;
  const [typed] = text.slice(0, caret).match(/[^\s]*$/u);
  const sign = typed[0] === "@" || typed[0] === "#" ? typed[0] : "";
  return { sign, typed: typed.slice(sign.length), start: caret - typed.length };
}

// Names that begin as the word does, then those that hold it; without a sign only those that begin so.
export function candidates(word, people, rooms) {
  if (!word || (!word.sign && !word.typed)) return [];
  const wanted = fold(word.typed);
  const names = [...new Set(word.sign === "#" ? rooms : people)].filter(Boolean);
  const begin = names.filter((name) => fold(name).startsWith(wanted));
  const hold = word.sign ? names.filter((name) => !begin.includes(name) && fold(name).includes(wanted)) : [];
  return [...begin, ...hold].slice(0, MOST);
}

// The text with the name in the word's place, and where the caret is then.
export function completed(text, caret, word, name) {
  const after = word.start === 0 && word.sign !== "#" ? ": " : " ";
  const put = `${word.sign}${name}${after}`;
  const rest = text.slice(caret).replace(/^ /, "");
  return { text: text.slice(0, word.start) + put + rest, caret: word.start + put.length };
}

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
