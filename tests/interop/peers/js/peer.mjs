// The js-libp2p peer of p2pd's tests and benchmarks: answers the lines of tests/interop/peers/README.md.
//
//     node peer.mjs [--key FILE] [--listen MULTIADDR]... [--agent TEXT]

import readline from 'node:readline'
import { parseArgs } from 'node:util'
import { openBench } from './lib/bench.mjs'
import { openChatRooms } from './lib/chat_rooms.mjs'
import { connectionCommands } from './lib/connections.mjs'
import { decodeCommands } from './lib/decode.mjs'
import { openDirectMessages } from './lib/direct_messages.mjs'
import { openDiscovery } from './lib/discovery.mjs'
import { loadKey } from './lib/key.mjs'
import { openNode } from './lib/node.mjs'
import { openRooms } from './lib/rooms.mjs'
import { openStreams } from './lib/streams.mjs'
import { libp2pVersion } from './lib/version.mjs'

const { values: options } = parseArgs({
  options: {
    key: { type: 'string' },
    listen: { type: 'string', multiple: true, default: ['/ip4/127.0.0.1/tcp/0'] },
    agent: { type: 'string' }
  }
})

const node = await openNode(await loadKey(options.key), options.listen, options.agent)
const bench = await openBench(node)
const commands = {
  ...connectionCommands(node),
  ...openRooms(node),
  ...openDiscovery(node),
  ...openChatRooms(node),
  ...await openDirectMessages(node),
  ...await openStreams(node),
  ...decodeCommands,
  ...bench.commands
}

const print = line => process.stdout.write(JSON.stringify(line) + '\n')

async function answer (line) {
  const { n, command, ...rest } = JSON.parse(line)
  try {
    if (!Object.hasOwn(commands, command)) throw new Error(`there is no command ${command}`)
    print({ n, ok: true, ...await commands[command](rest) })
  } catch (error) {
    print({ n, ok: false, error: `${error.name}: ${error.message}` })
  }
}

const input = readline.createInterface({ input: process.stdin })
input.on('line', answer)
input.on('close', () => process.exit(0))
const addrs = node.getMultiaddrs().map(String)
print({
  event: 'ready',
  implementation: 'js-libp2p',
  version: libp2pVersion,
  pid: process.pid,
  peer_id: String(node.peerId),
  addr: addrs[0],
  addrs,
  acks: bench.port
})
