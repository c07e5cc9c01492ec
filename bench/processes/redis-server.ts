import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { hostParts } from '../parts/part.js'
import { startServer } from '../parts/server.js'

/** A Redis server on a Unix socket, with nothing kept on disk and no bound for slow subscribers. */
await hostParts(async ({ scratchDir }, fail) => {
  const path = join(scratchDir, 'redis.sock')
  const args = ['--port', '0', '--unixsocket', path, '--dir', scratchDir]
  args.push('--save', '', '--appendonly', 'no', '--client-output-buffer-limit', 'pubsub 0 0 0')
  const server = await startServer('redis-server', args, () => existsSync(path), fail)
  const door = { url: path }
  return {
    parts: { relay: { datagrams: 0, cost: () => server.cost() } },
    doors: { source: door, sink: door },
  }
})
