// The protobuf messages of universal-connectivity, as js-libp2p reads such: with protons.
//
// Stricter than what protons generates in one way: a field of another wire type, or one that the message does not have,
// is an error. A peer that takes such a field for another one is what the tests are to find.

import { decodeMessage, encodeMessage, message } from 'protons-runtime'

const VARINT = 0
const LENGTH_DELIMITED = 2
const UTF8 = new TextDecoder('utf-8', { fatal: true })

const bytes = { wire: LENGTH_DELIMITED, read: reader => reader.bytes(), write: (writer, value) => writer.bytes(value) }
const string = { wire: LENGTH_DELIMITED, read: reader => UTF8.decode(reader.bytes()), write: (writer, value) => writer.string(value) }
const int64 = { wire: VARINT, read: reader => reader.int64(), write: (writer, value) => writer.int64(value) }
const enumeration = values => ({
  wire: VARINT,
  read (reader) {
    const value = reader.int32()
    if (!values.includes(value)) throw new Error(`no such value: ${value}`)
    return value
  },
  write: (writer, value) => writer.int32(value)
})
const embedded = codec => ({
  wire: LENGTH_DELIMITED,
  read: reader => codec.codec.decode(reader, reader.uint32()),
  write: (writer, value) => codec.codec.encode(value, writer)
})

// `fields`: number → { name, kind, repeated }. Fields that are not set get `initial`.
function messageOf (fields, initial) {
  const codec = message((object, writer, { lengthDelimited = true } = {}) => {
    if (lengthDelimited) writer.fork()
    for (const [number, { name, kind, repeated }] of Object.entries(fields)) {
      for (const value of repeated ? object[name] : [object[name]]) {
        if (value === undefined) continue
        writer.uint32(Number(number) << 3 | kind.wire)
        kind.write(writer, value)
      }
    }
    if (lengthDelimited) writer.ldelim()
  }, (reader, length) => {
    const object = initial()
    const end = length === undefined ? reader.len : reader.pos + length
    while (reader.pos < end) {
      const tag = reader.uint32()
      const field = fields[tag >>> 3]
      if (field === undefined || field.kind.wire !== (tag & 7)) throw new Error(`unexpected field ${tag >>> 3}, wire type ${tag & 7}`)
      const value = field.kind.read(reader)
      if (field.repeated) object[field.name].push(value)
      else object[field.name] = value
    }
    if (reader.pos !== end) throw new Error('a field goes beyond the end of its message')
    return object
  }, function * () {})
  return {
    codec,
    encode: object => encodeMessage(object, codec),
    decode: buffer => decodeMessage(buffer, codec)
  }
}

export const Peer = messageOf({
  1: { name: 'publicKey', kind: bytes },
  2: { name: 'addrs', kind: bytes, repeated: true }
}, () => ({ publicKey: new Uint8Array(0), addrs: [] }))

const Metadata = messageOf({
  1: { name: 'clientVersion', kind: string },
  2: { name: 'timestamp', kind: int64 }
}, () => ({ clientVersion: '', timestamp: 0n }))

export const DirectMessageRequest = messageOf({
  1: { name: 'metadata', kind: embedded(Metadata) },
  2: { name: 'content', kind: string },
  3: { name: 'type', kind: string }
}, () => ({ metadata: undefined, content: '', type: '' }))

export const STATUS = { UNKNOWN: 0, OK: 200, ERROR: 500 }

export const DirectMessageResponse = messageOf({
  1: { name: 'metadata', kind: embedded(Metadata) },
  2: { name: 'status', kind: enumeration(Object.values(STATUS)) },
  3: { name: 'statusText', kind: string }
}, () => ({ metadata: undefined, status: 0, statusText: undefined }))
