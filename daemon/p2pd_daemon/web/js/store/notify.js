// Which messages deserve a notification, and how many are unread.

import { mentions } from "../markup.js";

// "direct", "mention" or null. `status` is this node's; `rules` are the person's wishes.
export function reasonToNotify(message, status, rules) {
  if (!status || message.from === status.peer_id || message.deleted) return null;
  const direct = message.room === null || message.room === undefined;
  if (direct) return rules.direct ? "direct" : null;
  return rules.mentions && mentions(message.text, status.nick) ? "mention" : null;
}

export const titleFor = (unread) => (unread ? `(${unread > 99 ? "99+" : unread}) p2pd` : "p2pd");
