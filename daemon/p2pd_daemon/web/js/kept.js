// What stays in this browser when the page is closed: preferences and drafts. Nothing secret, nothing of others.

const DEFAULTS = { theme: "system", language: "system", notify: { mentions: false, direct: false } };

export const loadPreferences = () => ({ ...DEFAULTS, ...load("p2pd.preferences", {}) });
export const savePreferences = (preferences) => save("p2pd.preferences", preferences);
export const loadDrafts = () => load("p2pd.drafts", {});
export const saveDrafts = (drafts) =>
  save("p2pd.drafts", Object.fromEntries(Object.entries(drafts).filter(([, text]) => text)));

function load(name, otherwise) {
  try {
    const found = JSON.parse(localStorage.getItem(name));
    return found && typeof found === "object" ? found : otherwise;
  } catch {
    return otherwise; // storage switched off, or written by somebody else
  }
}

function save(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage is off or full: it is kept until the page is closed.
  }
}
