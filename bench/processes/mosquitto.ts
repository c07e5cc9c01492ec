import { existsSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { hostParts } from '../parts/part.js'
import { startServer } from '../parts/server.js'

/** The MQTT broker mosquitto on a Unix socket, with nothing kept on disk and no bound on its queues. */
await hostParts(async ({ scratchDir }, fail) => {
  const path = join(scratchDir, 'mqtt.sock')
  const config = join(scratchDir, 'mosquitto.conf')
  const lines = [
    `listener 0 ${path}`,
    'allow_anonymous true',
    'persistence false',
    'max_queued_messages 0',
    'max_queued_bytes 0',
    'log_dest stderr',
    'log_type error',
    // As root it would become another user, who can't open the socket's folder.
    `user ${userInfo().username}`,
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  const server = await startServer('mosquitto', ['-c', config], () => existsSync(path), fail)
  const door = { url: path }
  return {
    parts: { relay: { datagrams: 0, cost: () => server.cost() } },
    doors: { source: door, sink: door },
  }
})
