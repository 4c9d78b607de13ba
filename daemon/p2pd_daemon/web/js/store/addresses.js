// Which of my addresses to give to somebody: first what works from anywhere, last what works on this computer only.

const PRIVATE_4 = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/;
const PRIVATE_6 = /^(f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):/i;

// "public", "relayed" (through another node), "private" (the same network) or "loopback" (the same computer).
export function reachOf(addr) {
  if (addr.includes("/p2p-circuit")) return "relayed";
  const [, protocol, host = ""] = addr.split("/");
  if (protocol === "ip4") return host.startsWith("127.") ? "loopback" : PRIVATE_4.test(host) ? "private" : "public";
  if (protocol === "ip6") return host === "::1" ? "loopback" : PRIVATE_6.test(host) ? "private" : "public";
  return host === "localhost" ? "loopback" : "public"; // a name
}

const REACH = ["public", "relayed", "private", "loopback"];

export function bestFirst(addrs) {
  const rank = (addr) => REACH.indexOf(reachOf(addr)) * 4 + (addr.startsWith("/ip6/") ? 2 : 0) + (/\/wss?(\/|$)/.test(addr) ? 1 : 0);
  return [...addrs].sort((a, b) => rank(a) - rank(b));
}

// With the peer ID at the end, so that whoever gets it knows whom to expect there.
export const fullAddress = (addr, peerId) => (/\/p2p\/[^/]+$/.test(addr) ? addr : `${addr}/p2p/${peerId}`);
