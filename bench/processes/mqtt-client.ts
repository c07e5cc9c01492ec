import { hostParts } from '../parts/part.js'
import { peerPart } from '../parts/peer.js'
import { connectMqtt } from '../parts/mqtt.js'

/** A client of an MQTT broker. */
await hostParts(async (job, fail) => ({
  parts: { [job.part!]: await peerPart(connectMqtt, job, fail) },
}))
