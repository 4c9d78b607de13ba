// The page's words. `t("key", {name})` gives the text in the chosen language; English where one is missing.

import en from "./lang/en.js";

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français" };
const WORDS = { en }; // the others are loaded when they are chosen
let chosen = "en";
let latest; // the language asked for last

export async function chooseLanguage(wanted) {
  const offered = wanted === "system" ? navigator.languages ?? [navigator.language] : [wanted];
  const found = offered.map((one) => one.slice(0, 2).toLowerCase()).find((one) => Object.hasOwn(LANGUAGES, one)) ?? "en";
  latest = found;
  try {
    WORDS[found] ??= (await import(`./lang/${found}.js`)).default;
  } catch {
    return; // the daemon is gone: it stays as it was
  }
  if (latest !== found) return;
  chosen = found;
  document.documentElement.lang = chosen;
}

export const language = () => chosen;

// For dates and times: British English, Swiss German, … where the browser says so.
export const locale = () => navigator.languages?.find((one) => one.slice(0, 2).toLowerCase() === chosen) ?? chosen;

// A text is a string with {names}, or, for counts, {one, other} by Intl.PluralRules of `n`.
export function t(key, values = {}) {
  let text = WORDS[chosen][key] ?? en[key] ?? key;
  if (typeof text === "object") text = text[new Intl.PluralRules(chosen).select(values.n)] ?? text.other;
  if (chosen === "fr") text = text.replace(/ (?=[:;?!»])|(?<=«) /g, "\u00a0"); // French signs stay with their word
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
