// Key files: libp2p's PrivateKey protobuf, as Go, Rust and p2pd keep them.

import { readFile, writeFile } from 'node:fs/promises'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'

// The key in `file`, which is written when there is none; a new key without a file.
export async function loadKey (file) {
  if (file === undefined) return generateKeyPair('Ed25519')
  try {
    return privateKeyFromProtobuf(await readFile(file))
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  const key = await generateKeyPair('Ed25519')
  await writeFile(file, privateKeyToProtobuf(key), { mode: 0o600, flag: 'wx' })
  return key
}
