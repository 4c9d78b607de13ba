// Says outside of the page that something is unread: in the title and the icon, and, where that is wanted, by a
// notification of the browser.

import { t } from "./i18n.js";
import { linkTo } from "./router.js";
import { reasonToNotify, titleFor } from "./store/notify.js";
import { keyOf, unreadOf } from "./store/places.js";

const ICON = "/web/favicon.svg";
const ICON_UNREAD = "/web/favicon-unread.svg";
const TEXT_LENGTH = 200; // of a message, in a notification

export function watchAttention(store, actions) {
  let shown = 0;
  store.subscribe((state) => {
    const unread = unreadOf(state.places);
    if (unread === shown) return;
    if (Boolean(unread) !== Boolean(shown)) document.querySelector("link[rel=icon]").href = unread ? ICON_UNREAD : ICON;
    document.title = titleFor(unread);
    shown = unread;
  });

  // Called with each message that the event stream brings.
  actions.told = (message) => {
    const { status, preferences, route } = store.state;
    const key = keyOf(message);
    if (key === route.key && !document.hidden) return;
    const reason = reasonToNotify(message, status, preferences.notify);
    if (reason) show(message, key, reason);
  };
}

function show(message, key, reason) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const name = message.name || message.nick;
  const title = reason === "direct" ? name : t("notification.room", { name, room: message.room });
  const body = [...message.text].slice(0, TEXT_LENGTH).join("");
  let notification;
  try {
    notification = new Notification(title, { body, icon: ICON, tag: key }); // one for each place, not one for each message
  } catch {
    return; // browsers on phones have the class and refuse to make one
  }
  notification.onclick = () => {
    notification.close();
    window.focus();
    if (location.pathname === "/") location.hash = linkTo(key);
    else location.assign(`/${linkTo(key)}`);
  };
}
