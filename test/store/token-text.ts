import t from 'tap'
import { formatToken, hashOfSecret, parseToken } from '../../src/store/token-text.js'

const secret = `${'aB3-_'.repeat(8)}xyz`

void t.test('a token says whose kind it is, its number and its secret', t => {
  for (const [kind, text] of [
    ['domain', `v4v_7_${secret}`],
    ['admin', `v4vadmin_7_${secret}`],
  ] as const) {
    t.equal(formatToken({ kind, id: 7, secret }), text)
    t.same(parseToken(text), { kind, id: 7, secret })
  }
  t.end()
})

void t.test('nothing else is a token', t => {
  const wrong = ['', 'v4v', 'v4v_7_', `v4v_07_${secret}`, `v4v_-7_${secret}`, `V4V_7_${secret}`]
  const near = [
    `v4v_7_${secret}A`,
    ` v4v_7_${secret}`,
    `v4v_7_${secret}\n`,
    `v4v_7_+${secret.slice(1)}`,
  ]
  for (const text of [...wrong, ...near, `v4v_1234567890123456_${secret}`]) {
    t.equal(parseToken(text), undefined, JSON.stringify(text))
  }
  t.end()
})

void t.test('of a secret its SHA-256 is kept', t => {
  const hash = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  t.equal(hashOfSecret('abc').toString('hex'), hash)
  t.end()
})
