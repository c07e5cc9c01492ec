import { loadPackage } from '../packages.js'
import type { Job } from '../protocol.js'
import { creditBytes, namesOf, windowOf, type PeerHandlers, type PeerLink } from './peer.js'

/** What the harness uses of mqtt. */
interface Mqtt {
  readonly connectAsync: (url: string, options: object) => Promise<MqttClient>
}

interface MqttClient {
  on(event: 'error', listener: (error: Error) => void): void
  on(event: 'close', listener: () => void): void
  on(event: 'message', listener: (topic: string, payload: Buffer) => void): void
  publish(topic: string, payload: Uint8Array, options: { qos: 0 }): unknown
  subscribeAsync(topics: string[], options: { qos: 0 }): Promise<unknown>
}

const WINDOW_BYTES = 4 * 1024 * 1024
const WINDOW_DATAGRAMS = 16 * 1024

/** A client of an MQTT broker, at most once (quality of service 0), the fastest it has. */
export async function connectMqtt(job: Job, handlers: PeerHandlers): Promise<PeerLink> {
  const { connectAsync } = loadPackage<Mqtt>('mqtt')
  const client = await connectAsync(`mqtt+unix://${job.connect!.url}`, { reconnectPeriod: 0 })
  client.on('error', error => handlers.fail(`MQTT: ${error.message}`))
  client.on('close', () => handlers.fail('the connection to the MQTT broker is closed'))
  const { inbox, outbox, creditIn, creditOut } = namesOf(job)
  client.on('message', (topic, payload) => {
    if (topic === inbox) handlers.onDatagram(payload)
    else handlers.onCredit(payload.readUInt32LE())
  })
  await client.subscribeAsync([inbox, creditIn], { qos: 0 })
  return {
    send: bytes => void client.publish(outbox, bytes, { qos: 0 }),
    flow: {
      kind: 'credit',
      window: windowOf(job, WINDOW_BYTES, WINDOW_DATAGRAMS),
      sendCredit: datagrams => void client.publish(creditOut, creditBytes(datagrams), { qos: 0 }),
    },
  }
}
