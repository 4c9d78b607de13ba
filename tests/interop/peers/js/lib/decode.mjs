// decode {kind, data}: what js-libp2p makes of bytes that others encoded

import { privateKeyFromProtobuf, publicKeyFromProtobuf } from '@libp2p/crypto/keys'
import { RPC } from '@libp2p/gossipsub/message'
import { peerIdFromMultihash, peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import * as Digest from 'multiformats/hashes/digest'
import { decodeLine } from './chat_rooms.mjs'
import { decodePeer } from './discovery.mjs'
import { DirectMessageRequest, DirectMessageResponse } from './messages.mjs'

const metadataOf = ({ metadata }) => {
  if (metadata === undefined) throw new Error('no metadata')
  return { client_version: metadata.clientVersion, timestamp: Number(metadata.timestamp) }
}

const decoders = {
  peer: decodePeer,

  dm_request (data) {
    const request = DirectMessageRequest.decode(data)
    return { ...metadataOf(request), text: request.content, type: request.type }
  },

  dm_response (data) {
    const response = DirectMessageResponse.decode(data)
    return { ...metadataOf(response), status: response.status, status_text: response.statusText ?? '' }
  },

  chat_room: decodeLine,

  key: data => ({ peer_id: String(peerIdFromPrivateKey(privateKeyFromProtobuf(data))) }),

  // A pubsub message, whose signature must be right.
  async record (data) {
    const { signature, key, ...signed } = RPC.Message.decode(data)
    const author = peerIdFromMultihash(Digest.decode(signed.from))
    const publicKey = key === undefined ? author.publicKey : publicKeyFromProtobuf(key)
    if (!author.equals(publicKey.toMultihash().bytes)) throw new Error('the key is not that of the author')
    const covered = Buffer.concat([Buffer.from('libp2p-pubsub:'), RPC.Message.encode(signed)])
    if (!await publicKey.verify(covered, signature)) throw new Error('the signature is wrong')
    return {
      from: String(author),
      seqno: String(Buffer.from(signed.seqno).readBigUInt64BE()),
      topic: signed.topic,
      data: Buffer.from(signed.data).toString('base64')
    }
  },

  // A signed envelope with the addresses of a peer.
  async peer_record (data) {
    const envelope = await RecordEnvelope.openAndCertify(data, PeerRecord.DOMAIN)
    const record = PeerRecord.createFromProtobuf(envelope.payload)
    return { peer_id: String(record.peerId), addrs: record.multiaddrs.map(String), seq: String(record.seqNumber) }
  }
}

export const decodeCommands = {
  async decode ({ kind, data }) {
    if (!Object.hasOwn(decoders, kind)) throw new Error(`there is no decoder for ${kind}`)
    return decoders[kind](Buffer.from(data, 'base64'))
  }
}
