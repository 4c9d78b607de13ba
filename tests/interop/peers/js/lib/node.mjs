// A libp2p node that does what p2pd's network layer does and nothing more: no store, no API.

import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'

export const openNode = (privateKey, listen, agent) => createLibp2p({
  privateKey,
  addresses: { listen },
  ...(agent === undefined ? {} : { nodeInfo: { userAgent: agent } }),
  transports: [tcp(), webSockets()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionGater: { denyDialMultiaddr: () => false }, // the default refuses loopback addresses
  connectionManager: {
    reconnectRetries: 0, // who connects to whom is the test's matter
    inboundConnectionThreshold: 1000 // a second from one host, which here is where all are
  },
  services: {
    identify: identify(),
    ping: ping(),
    pubsub: gossipsub({ allowPublishToZeroTopicPeers: true, globalSignaturePolicy: 'StrictSign' })
  }
})
