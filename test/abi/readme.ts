import { readFileSync } from 'node:fs'
import t from 'tap'
import { endReasonInfo, endReasons } from '../../src/abi/end-reason.js'
import { errorCodes, errorInfo } from '../../src/abi/errno.js'
import { EVENT_KIND, FRAME } from '../../src/abi/frame.js'
import { FRAME_BYTES_MAX, HELLO_BYTES_MAX, RING_BYTES_MAX } from '../../src/abi/limits.js'
import { frameExamples, hex } from '../fixtures/frame-examples.js'

// The page that clients in other languages are written from must not drift away from the code.
const page = readFileSync('src/abi/README.md', 'utf8')
const rows = page
  .split('\n')
  .filter(line => line.startsWith('|'))
  .map(line => line.split('|').map(cell => cell.trim()))

await t.test('it shows each frame as the encoders make it', async t => {
  const shown = new Map<string, string>()
  for (const [, name, bytes] of page.matchAll(/^```text\n([A-Z_]+)\n([^`]+)\n```$/gm)) {
    shown.set(name!, bytes!)
  }
  t.same([...shown.keys()].sort(), Object.keys(FRAME).sort())
  for (const [name, bytes] of Object.entries(frameExamples)) {
    t.equal(shown.get(name), hex(bytes), name)
  }
})

await t.test('it lists each frame type and event kind with its number', async t => {
  for (const [name, number] of Object.entries(FRAME)) {
    const type = `0x${number.toString(16).padStart(2, '0')}`
    t.ok(
      rows.some(cells => cells[1] === type && cells[2] === name),
      `${type} ${name}`,
    )
  }
  for (const [kind, number] of Object.entries(EVENT_KIND)) {
    t.ok(
      rows.some(cells => cells[1] === String(number) && cells[2] === kind),
      `${number} ${kind}`,
    )
  }
})

await t.test('it lists each error of the table, and no other', async t => {
  const listed = rows.filter(
    cells => /^[0-9]+$/.test(cells[1] ?? '') && /^E[A-Z0-9]+$/.test(cells[2] ?? ''),
  )
  t.same(
    listed.map(cells => cells.slice(1, -1)),
    errorCodes.map(code => {
      const { errno, sentence, retryable, close } = errorInfo(code)
      return [String(errno), code, sentence, retryable ? 'yes' : 'no', String(close)]
    }),
  )
})

await t.test('it lists each reason that a session can end for, and no other', async t => {
  const [, section = ''] = page.split('## 13. What sessions end for')
  const listed = rows.filter(
    cells => section.includes(`| ${cells[1]} `) && /^`.*`$/.test(cells[1]!),
  )
  t.same(
    listed.map(cells => cells.slice(1, -1)),
    endReasons.map(reason => {
      const { code, sentence, remedy } = endReasonInfo(reason)
      return [`\`${reason}\``, code ?? '', sentence, remedy]
    }),
  )
})

await t.test('it names the limits that are part of the protocol', async t => {
  for (const limit of [FRAME_BYTES_MAX, HELLO_BYTES_MAX, RING_BYTES_MAX]) {
    t.match(page, ` ${limit}`)
  }
})
