// Gossip as it is: join, leave, members, mesh, publish, received

import { publicKeyToProtobuf } from '@libp2p/crypto/keys'

const base64 = bytes => Buffer.from(bytes).toString('base64')

export function openRooms (node) {
  const pubsub = node.services.pubsub
  const received = new Map() // room → messages since `join`, oldest first

  pubsub.addEventListener('message', ({ detail }) => {
    received.get(detail.topic)?.push({
      from: String(detail.from),
      seqno: String(detail.sequenceNumber),
      data: base64(detail.data),
      signature: base64(detail.signature),
      key: base64(publicKeyToProtobuf(detail.key))
    })
  })

  return {
    join ({ room }) {
      if (!received.has(room)) received.set(room, [])
      pubsub.subscribe(room)
      return {}
    },
    leave ({ room }) {
      pubsub.unsubscribe(room)
      received.delete(room)
      return {}
    },
    members: ({ room }) => ({ count: pubsub.getSubscribers(room).length }),
    mesh: ({ room }) => ({ peers: pubsub.getMeshPeers(room) }),
    async publish ({ room, text, data }) {
      await pubsub.publish(room, data === undefined ? Buffer.from(text) : Buffer.from(data, 'base64'))
      return {}
    },
    received ({ room }) {
      if (!received.has(room)) throw new Error(`not in ${room}`)
      return { messages: received.get(room) }
    }
  }
}
