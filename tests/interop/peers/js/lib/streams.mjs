// Streams for measuring: echo, bulk. Their other sides are always served.

import { peerIdFromString } from '@libp2p/peer-id'
import { byteStream } from '@libp2p/utils'
import { DIAL_MS } from './connections.mjs'

const ECHO = '/p2pd-bench/echo/1'
const SINK = '/p2pd-bench/sink/1'
const CHUNK = Buffer.alloc(64 * 1024, 'x')
const MANY = { maxInboundStreams: 1024, maxOutboundStreams: 1024 }

async function serveEcho (stream) {
  for await (const received of stream) {
    if (!stream.send(received)) await stream.onDrain()
  }
  await stream.close()
}

async function serveSink (stream) {
  let count = 0n
  for await (const received of stream) count += BigInt(received.byteLength)
  const answer = Buffer.alloc(8)
  answer.writeBigUInt64BE(count)
  stream.send(answer)
  await stream.close()
}

const guarded = serve => stream => serve(stream).catch(error => stream.abort(error))

export async function openStreams (node) {
  await node.handle(ECHO, guarded(serveEcho), MANY)
  await node.handle(SINK, guarded(serveSink), MANY)

  const withStream = async (id, protocol, use) => {
    const stream = await node.dialProtocol(peerIdFromString(id), protocol, { signal: AbortSignal.timeout(DIAL_MS), ...MANY })
    try {
      return await use(stream)
    } catch (error) {
      stream.abort(error)
      throw error
    }
  }

  return {
    echo: ({ peer_id: id, seconds, size }) => withStream(id, ECHO, async stream => {
      const bytes = byteStream(stream)
      const message = Buffer.alloc(size, 'x')
      const start = performance.now()
      let count = 0
      while (performance.now() - start < seconds * 1e3) {
        await bytes.write(message)
        await bytes.read({ bytes: size })
        count++
      }
      const took = (performance.now() - start) / 1e3
      await bytes.unwrap().close()
      return { count, seconds: took }
    }),

    bulk: ({ peer_id: id, seconds }) => withStream(id, SINK, async stream => {
      const bytes = byteStream(stream)
      const start = performance.now()
      let sent = 0
      while (performance.now() - start < seconds * 1e3) {
        await bytes.write(CHUNK)
        sent += CHUNK.length
      }
      await stream.close() // ours only: the answer is read after it
      const count = Buffer.from((await bytes.read({ bytes: 8 })).subarray()).readBigUInt64BE()
      if (count !== BigInt(sent)) throw new Error(`${count} of ${sent} bytes arrived`)
      return { bytes: sent, seconds: (performance.now() - start) / 1e3 }
    })
  }
}
