import { readFileSync } from 'node:fs'

// The package does not export its description.
const description = new URL('../node_modules/libp2p/package.json', import.meta.url)

export const libp2pVersion = JSON.parse(readFileSync(description)).version
