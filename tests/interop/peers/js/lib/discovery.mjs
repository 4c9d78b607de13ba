// The peer-discovery topic of universal-connectivity: announce, discovered

import { publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { Peer } from './messages.mjs'

// Throws unless the key and each address are well-formed and of the same peer.
export function decodePeer (data) {
  const { publicKey, addrs } = Peer.decode(data)
  const id = String(peerIdFromPublicKey(publicKeyFromProtobuf(publicKey)))
  const texts = addrs.map(bytes => String(multiaddr(bytes)))
  const other = texts.find(text => !text.endsWith(`/p2p/${id}`))
  if (other !== undefined) throw new Error(`${other} is not an address of ${id}`)
  return { peer_id: id, addrs: texts }
}

export function openDiscovery (node) {
  const pubsub = node.services.pubsub
  const discovered = new Map() // topic → peers, since the first command that named the topic

  const enter = topic => {
    if (!discovered.has(topic)) {
      discovered.set(topic, [])
      pubsub.subscribe(topic)
    }
    return discovered.get(topic)
  }

  pubsub.addEventListener('message', ({ detail }) => {
    const peers = discovered.get(detail.topic)
    if (peers === undefined) return
    try {
      peers.push(decodePeer(detail.data))
    } catch (error) {
      peers.push({ error: error.message })
    }
  })

  return {
    async announce ({ topic }) {
      enter(topic)
      const own = { publicKey: publicKeyToProtobuf(node.peerId.publicKey), addrs: node.getMultiaddrs().map(addr => addr.bytes) }
      await pubsub.publish(topic, Peer.encode(own))
      return {}
    },
    discovered: ({ topic }) => ({ peers: enter(topic) })
  }
}
