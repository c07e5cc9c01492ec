import fc from 'fast-check'
import t from 'tap'
import { FlowEvents } from '../../../bench/scenarios/flow-events.js'

const LOG = [
  ': the flow log follows\n\n',
  'event: flow\nid: 1\ndata: {"source":"web:1"}\n\n',
  'event: lost\ndata: lost=12\n\n',
  ':\n\n',
  'event: flow\nid: 14\ndata: {"source":"wéb:2"}\n\n',
].join('')

await t.test('events are counted however the bytes of the log are cut', async () => {
  const bytes = new TextEncoder().encode(LOG)
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length)), cuts => {
      const texts: string[] = []
      const events = new FlowEvents(text => texts.push(text))
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      for (let i = 1; i < places.length; i++) events.push(bytes.subarray(places[i - 1], places[i]))
      const isWhole = texts[1] === 'event: flow\nid: 14\ndata: {"source":"wéb:2"}'
      return events.flows === 2 && events.lost === 12 && texts.length === 2 && isWhole
    }),
  )
})
