// Which address is handed out first.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bestFirst, fullAddress, reachOf } from "../../../daemon/p2pd_daemon/web/js/store/addresses.js";

const REACH = {
  "/ip4/93.184.216.34/tcp/4001": "public",
  "/ip6/2606:2800:220:1::1/tcp/4001": "public",
  "/dns4/node.example/tcp/443/wss": "public",
  "/ip4/172.15.0.1/tcp/4001": "public",
  "/ip4/172.32.0.1/tcp/4001": "public",
  "/ip4/10.0.0.7/tcp/4001": "private",
  "/ip4/172.16.0.1/tcp/4001": "private",
  "/ip4/192.168.1.5/tcp/4001/ws": "private",
  "/ip4/100.64.0.1/tcp/4001": "private",
  "/ip4/100.128.0.1/tcp/4001": "public",
  "/ip6/fd00::1/tcp/4001": "private",
  "/ip6/fe80::1/tcp/4001": "private",
  "/ip4/127.0.0.1/tcp/4001": "loopback",
  "/ip6/::1/tcp/4001": "loopback",
  "/dns/localhost/tcp/4001": "loopback",
  "/ip4/93.184.216.34/tcp/4001/p2p/RELAY/p2p-circuit": "relayed",
};

for (const [addr, reach] of Object.entries(REACH)) {
  test(`${addr} is ${reach}`, () => assert.equal(reachOf(addr), reach));
}

test("what reaches further comes first; TCP before WebSocket, IPv4 before IPv6", () => {
  const wanted = [
    "/ip4/93.184.216.34/tcp/1", "/ip4/93.184.216.34/tcp/2/ws", "/ip6/2606::1/tcp/1",
    "/ip4/93.184.216.34/tcp/1/p2p/RELAY/p2p-circuit", "/ip4/10.0.0.7/tcp/1", "/ip4/127.0.0.1/tcp/1",
  ];
  assert.deepEqual(bestFirst(wanted.toReversed()), wanted);
});

test("the full address ends with the peer ID, once", () => {
  assert.equal(fullAddress("/ip4/10.0.0.7/tcp/1", "ME"), "/ip4/10.0.0.7/tcp/1/p2p/ME");
  assert.equal(fullAddress("/ip4/10.0.0.7/tcp/1/p2p/ME", "ME"), "/ip4/10.0.0.7/tcp/1/p2p/ME");
  assert.equal(fullAddress("/ip4/1.2.3.4/tcp/1/p2p/RELAY/p2p-circuit", "ME"), "/ip4/1.2.3.4/tcp/1/p2p/RELAY/p2p-circuit/p2p/ME");
});
