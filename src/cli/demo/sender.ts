import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../../sdk/index.js'
import { V4vError } from '../../sdk/errors.js'
import { LineSplitter } from '../line-splitter.js'
import type { SenderReport } from './report.js'

/**
 * A domain of the demo, in a process of its own: sends the lines of a file to an address, one
 * after the other and again from the start, until SIGTERM. What is refused is counted and left
 * behind. Arguments: the domain's socket, the address, the file, milliseconds between two lines.
 */
const [socket = '', to = '', path = '', interval = ''] = process.argv.slice(2)

const splitter = new LineSplitter()
const lines = [...splitter.push(await readFile(path)), ...splitter.end()]
const accepted = createHash('sha256')
const totals = { accepted: 0, refused: 0 }
let isStopping = false
process.once('SIGTERM', () => (isStopping = true))
const orphaned = (): never => process.exit(1)
process.once('disconnect', orphaned)

const domain = await connect({ url: `unix:${socket}` })
const ring = await domain.bind(0)
for (let n = 0; !isStopping; n = (n + 1) % lines.length) {
  const line = lines[n]!
  try {
    await ring.send(to, line)
    totals.accepted++
    accepted.update(line).update('\n')
    tell({ kind: 'accepted', ...totals })
  } catch (error) {
    if (!(error instanceof V4vError)) throw error
    totals.refused++
    const { code, message, decisionId = '-' } = error
    tell({ kind: 'refused', ...totals, code, message, decisionId })
  }
  await sleep(Number(interval))
}
await domain.close()
tell({ kind: 'done', ...totals, sha256: accepted.digest('hex') })
process.off('disconnect', orphaned)
process.disconnect()

function tell(report: SenderReport): void {
  process.send!(report)
}
