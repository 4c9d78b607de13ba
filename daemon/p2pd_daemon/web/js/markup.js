// What a message's text holds: fenced code, code spans, links and mentions. Pure: text in, tokens out.
//
// Tokens are {kind, raw, …}; the `raw` of all of them, joined, is the text again. kind is "text", "link" (href),
// "code" (text), "block" (text, language) or "mention".

const FENCE = /^```([^\s`]*)[^\S\n]*\n([\s\S]*?)\n?^```[^\S\n]*(?:\n|$)/gm;
// Ends at white space, at what could end a quotation, and at characters that are not seen or turn the reading around.
const LINK = /\bhttps?:\/\/[^\s<>"`\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/giu;
const AFTER = new Set(".,:;!?'’‘“”»«…*_~");
const CLOSING = { "(": ")", "[": "]", "{": "}" };

export function tokenize(text, nick = "") {
  const name = mentionOf(nick);
  return split(text, FENCE, block, (rest) => spans(rest, (inner) => split(inner, LINK, link,
    (plain) => split(plain, name, mention, (raw) => [{ kind: "text", raw }]))));
}

// Whether it speaks to `nick`: outside of code and links.
export const mentions = (text, nick) => Boolean(nick) && tokenize(text, nick).some((one) => one.kind === "mention");

// Cuts `text` where `pattern` matches; `make` gives a token, or null for "not this": then it is text. What is between
// goes to `inner`.
function split(text, pattern, make, inner) {
  const tokens = [];
  const plain = (part) => part && tokens.push(...inner(part));
  let begin = 0; // of what is not yet given on
  for (const match of pattern ? text.matchAll(pattern) : []) {
    const token = match.index >= begin && make(match);
    if (!token) continue;
    plain(text.slice(begin, match.index));
    tokens.push(token);
    begin = match.index + token.raw.length;
  }
  plain(text.slice(begin));
  return tokens;
}

const block = ([raw, language, text]) => ({ kind: "block", raw, language, text });

// Code spans as in Markdown: between two runs of as many backquotes, here on one line.
function spans(text, inner) {
  const tokens = [];
  const runs = [...text.matchAll(/`+|\n/g)];
  const next = new Map(); // length → the nearest run of that length further on
  const partner = runs.map(() => null);
  for (let n = runs.length - 1; n >= 0; n -= 1) {
    const [run] = runs[n];
    if (run === "\n") next.clear();
    else {
      partner[n] = next.get(run.length) ?? null;
      next.set(run.length, runs[n]);
    }
  }
  let begin = 0;
  runs.forEach((run, n) => {
    if (run.index < begin || !partner[n]) return;
    const end = partner[n].index + run[0].length;
    if (run.index > begin) tokens.push(...inner(text.slice(begin, run.index)));
    tokens.push(code(text.slice(run.index, end), run[0].length));
    begin = end;
  });
  if (begin < text.length) tokens.push(...inner(text.slice(begin)));
  return tokens;
}

function code(raw, width) {
  const text = raw.slice(width, -width);
  const padded = text.startsWith(" ") && text.endsWith(" ") && text.trim();
  return { kind: "code", raw, text: padded ? text.slice(1, -1) : text };
}

function link([found]) {
  const raw = trimmed(found);
  let url;
  try {
    url = new URL(raw);
  } catch {
    return null;
  }
  // https://bank.example@elsewhere.example/ shows one host and leads to another.
  const plain = (url.protocol === "http:" || url.protocol === "https:") && !url.username && !url.password;
  return plain && url.hostname ? { kind: "link", raw, href: url.href } : null;
}

// Without the punctuation of the sentence around it; a bracket stays if it was opened inside.
function trimmed(found) {
  const open = { ")": 0, "]": 0, "}": 0 }; // how many more close than open
  for (const one of found) {
    if (one in open) open[one] += 1;
    else if (one in CLOSING) open[CLOSING[one]] -= 1;
  }
  let end = found.length;
  for (; end > 0; end -= 1) {
    const last = found[end - 1];
    if (last in open && open[last] > 0) open[last] -= 1;
    else if (!AFTER.has(last)) break;
  }
  return found.slice(0, end);
}

function mentionOf(nick) {
  if (!nick) return null;
  const name = nick.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}_])@?${name}(?![\\p{L}\\p{N}_])`, "giu");
}

const mention = ([raw]) => ({ kind: "mention", raw });
