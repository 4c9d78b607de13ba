// universal-connectivity's direct messages: dm, dms. Always served.

import { peerIdFromString } from '@libp2p/peer-id'
import { pbStream } from '@libp2p/utils'
import { DIAL_MS } from './connections.mjs'
import { DirectMessageRequest, DirectMessageResponse, STATUS } from './messages.mjs'

const PROTOCOL = '/universal-connectivity/dm/1.0.0'
const metadata = () => ({ clientVersion: '0.0.1', timestamp: BigInt(Date.now()) })

export async function openDirectMessages (node) {
  const messages = []

  await node.handle(PROTOCOL, async (stream, connection) => {
    const signal = AbortSignal.timeout(DIAL_MS)
    try {
      const exchange = pbStream(stream)
      const request = await exchange.read(DirectMessageRequest, { signal })
      if (request.metadata === undefined || request.type !== 'text/plain') throw new Error('not a text message')
      messages.push({ from: String(connection.remotePeer), text: request.content, timestamp: Number(request.metadata.timestamp) })
      await exchange.write({ metadata: metadata(), status: STATUS.OK }, DirectMessageResponse, { signal })
      await stream.close({ signal })
    } catch (error) {
      stream.abort(error)
    }
  })

  return {
    async dm ({ peer_id: id, text }) {
      const signal = AbortSignal.timeout(DIAL_MS)
      const stream = await node.dialProtocol(peerIdFromString(id), PROTOCOL, { signal })
      try {
        const exchange = pbStream(stream)
        await exchange.write({ metadata: metadata(), content: text, type: 'text/plain' }, DirectMessageRequest, { signal })
        const reply = await exchange.read(DirectMessageResponse, { signal })
        if (reply.metadata === undefined) throw new Error('the answer has no metadata')
        await stream.close({ signal })
        return { status: reply.status, status_text: reply.statusText ?? '' }
      } catch (error) {
        stream.abort(error)
        throw error
      }
    },
    dms: () => ({ messages })
  }
}
