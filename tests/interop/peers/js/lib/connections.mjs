// connect, disconnect, peers, identify, ping

import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'

export const DIAL_MS = 10_000

export const connectionCommands = node => ({
  async connect ({ addr }) {
    const before = process.hrtime.bigint()
    const connection = await node.dial(multiaddr(addr), { signal: AbortSignal.timeout(DIAL_MS) })
    return { ms: Number(process.hrtime.bigint() - before) / 1e6, peer_id: String(connection.remotePeer) }
  },

  async disconnect ({ peer_id: id }) {
    await node.hangUp(peerIdFromString(id), { signal: AbortSignal.timeout(DIAL_MS) })
    return {}
  },

  peers: () => ({ peers: node.getPeers().map(String) }),

  async identify ({ peer_id: id }) {
    const [connection] = node.getConnections(peerIdFromString(id))
    if (connection === undefined) throw new Error(`not connected to ${id}`)
    const { agentVersion, protocols, listenAddrs } =
      await node.services.identify.identify(connection, { signal: AbortSignal.timeout(DIAL_MS) })
    return { agent: agentVersion, protocols, addrs: listenAddrs.map(String) }
  },

  async ping ({ peer_id: id }) {
    const before = process.hrtime.bigint() // the service itself counts whole milliseconds
    await node.services.ping.ping(peerIdFromString(id), { signal: AbortSignal.timeout(DIAL_MS) })
    return { ms: Number(process.hrtime.bigint() - before) / 1e6 }
  }
})
