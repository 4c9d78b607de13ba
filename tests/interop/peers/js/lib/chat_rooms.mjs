// The rooms of go-libp2p's pubsub chat example: JSON on the topic chat-room:<room>

const PREFIX = 'chat-room:'

export function decodeLine (data) {
  const line = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data))
  const names = ['Message', 'SenderID', 'SenderNick']
  if (Object.keys(line).sort().join() !== names.join() || names.some(name => typeof line[name] !== 'string')) {
    throw new Error(`not a line of a chat room: ${JSON.stringify(line)}`)
  }
  return { sender_id: line.SenderID, nick: line.SenderNick, message: line.Message }
}

export function openChatRooms (node) {
  const pubsub = node.services.pubsub
  const lines = new Map() // topic → lines since `join` of that topic, or the first command here

  const enter = room => {
    const topic = PREFIX + room
    if (!lines.has(topic)) {
      lines.set(topic, [])
      pubsub.subscribe(topic)
    }
    return topic
  }

  pubsub.addEventListener('message', ({ detail }) => {
    if (!detail.topic.startsWith(PREFIX)) return
    if (!lines.has(detail.topic)) lines.set(detail.topic, [])
    try {
      lines.get(detail.topic).push({ ...decodeLine(detail.data), from: String(detail.from) })
    } catch (error) {
      lines.get(detail.topic).push({ error: error.message, from: String(detail.from) })
    }
  })

  return {
    async chat_room_say ({ room, nick, text }) {
      const line = { Message: text, SenderID: String(node.peerId), SenderNick: nick }
      await pubsub.publish(enter(room), Buffer.from(JSON.stringify(line)))
      return {}
    },
    chat_room_lines: ({ room }) => ({ lines: lines.get(enter(room)) })
  }
}
