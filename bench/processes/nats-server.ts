import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostParts } from '../parts/part.js'
import { startServer } from '../parts/server.js'

/** NATS lets this many bytes wait for a slow client before it closes the connection to it. */
const PENDING_BYTES_MAX = 256 * 1024 * 1024

/** A NATS server on a free port, with nothing kept on disk. */
await hostParts(async ({ scratchDir }, fail) => {
  const config = join(scratchDir, 'nats.conf')
  writeFileSync(config, `max_pending: ${PENDING_BYTES_MAX}\n`)
  let url = ''
  const isUp = (): boolean => {
    // It writes where it listens to a file with the number of its process.
    const file = readdirSync(scratchDir).find(name => name.endsWith('.ports'))
    if (file === undefined) return false
    const ports = JSON.parse(readFileSync(join(scratchDir, file), 'utf8')) as { nats: string[] }
    url = ports.nats[0]!
    return true
  }
  const args = ['-c', config, '-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', scratchDir]
  const server = await startServer('nats-server', args, isUp, fail)
  const door = { url }
  return {
    parts: { relay: { datagrams: 0, cost: () => server.cost() } },
    doors: { source: door, sink: door },
  }
})
