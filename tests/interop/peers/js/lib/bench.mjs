// Measuring gossip: watch, seen, flood, pace

import dgram from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const STALL_MS = 5000 // without an acknowledgement for so long, messages are lost

const now = () => process.hrtime.bigint() // CLOCK_MONOTONIC, which all processes of the machine share

// `port` is where others' acknowledgements arrive.
export async function openBench (node) {
  const pubsub = node.services.pubsub
  const acks = dgram.createSocket('udp4')
  acks.bind(0, '127.0.0.1')
  await once(acks, 'listening')

  // What has been received since `watch`.
  let seen

  function watch ({ port, every }) {
    seen = { port, every, firstSent: null, lastSeen: null, latencies: [] }
    return {}
  }

  pubsub.addEventListener('message', ({ detail }) => {
    const arrived = now()
    const [mark, , sent] = Buffer.from(detail.data).toString().split(' ', 3)
    if (seen === undefined || mark !== 'bench') return
    seen.firstSent ??= BigInt(sent)
    seen.lastSeen = arrived
    seen.latencies.push(Number(arrived - BigInt(sent)) / 1e6)
    if (seen.port && seen.latencies.length % seen.every === 0) {
      acks.send(String(seen.latencies.length), seen.port, '127.0.0.1')
    }
  })

  function report () {
    const { firstSent, lastSeen, latencies } = seen
    return { count: latencies.length, seconds: latencies.length ? Number(lastSeen - firstSent) / 1e9 : 0, latencies_ms: latencies }
  }

  function payload (number, size) {
    return Buffer.from(`bench ${number} ${now()} `.padEnd(size, 'x'))
  }

  // Sends for `seconds`, never having more than `window` messages on their way, from `senders` loops at once.
  async function flood ({ room, seconds, size, window, senders }) {
    let sent = 0
    let acknowledged = 0
    const waiting = [] // senders, for room
    const listen = datagram => {
      const before = acknowledged
      acknowledged = Math.max(acknowledged, Number(datagram))
      for (const goOn of waiting.splice(0, acknowledged - before)) goOn() // no more of them than there is room for
    }
    const deadline = now() + BigInt(Math.round(seconds * 1e9))
    const send = async () => {
      while (now() < deadline) {
        if (sent - acknowledged >= window) {
          await new Promise(resolve => waiting.push(resolve))
          continue
        }
        sent++
        await pubsub.publish(room, payload(sent, size))
      }
    }
    const stalled = Promise.withResolvers()
    let before = 0
    const watching = setInterval(() => {
      if (acknowledged === before) stalled.reject(new Error(`${sent - acknowledged} of ${sent} messages are lost`))
      before = acknowledged
    }, STALL_MS)
    acks.on('message', listen)
    try {
      await Promise.race([Promise.all(Array.from({ length: senders }, send)), stalled.promise])
    } finally {
      clearInterval(watching)
      acks.off('message', listen)
    }
    return { sent }
  }

  // Sends `rate` messages a second at fixed times, however long each takes.
  async function pace ({ room, seconds, size, rate }) {
    const start = now()
    const count = Math.round(seconds * rate)
    const sending = []
    for (let number = 0; number < count; number++) {
      const early = number / rate * 1e3 - Number(now() - start) / 1e6
      if (early > 0) await sleep(early)
      sending.push(pubsub.publish(room, payload(number, size)))
    }
    await Promise.all(sending)
    return { sent: count }
  }

  return { port: acks.address().port, commands: { watch, seen: report, flood, pace } }
}
