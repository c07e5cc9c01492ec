import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import { endReasons } from '../../abi/end-reason.js'
import type { DisconnectStore, KeptDisconnect } from '../../store/disconnect-store.js'
import type { Clock } from '../../util/clock.js'
import type { Disconnect, DisconnectLog } from '../disconnect-log.js'
import type { Log } from './log.js'
import { nextTurn } from './next-turn.js'

/** How long it is remembered how sessions ended. */
export const DISCONNECT_AGE_MS_MAX = 30 * 24 * 60 * 60 * 1_000
/** No log counts so far; one that goes on from a number that is damaged has to. */
const SEQ_MAX = 2 ** 52
/** Rows that are written before others get their turn. */
const ROWS_PER_STEP = 100

const Whole = Type.Integer({ minimum: 0 })
const Text = Type.String()

/** What a row has to say to be believed: the file may be damaged, or of another version. */
const KeptBody = Type.Object({
  count: Type.Integer({ minimum: 1 }),
  firstAt: Whole,
  lastAt: Whole,
  end: Type.Object({
    reason: Type.Enum([...endReasons]),
    detail: Text,
    limit: Type.Optional(Type.Number()),
    used: Type.Optional(Type.Number()),
    domain: Type.Optional(Type.Object({ name: Text, id: Whole })),
    session: Type.Optional(Whole),
    tokenId: Type.Optional(Whole),
    transport: Text,
    remote: Type.Object({
      address: Type.Optional(Text),
      pid: Type.Optional(Whole),
      uid: Type.Optional(Whole),
      comm: Type.Optional(Text),
    }),
    agent: Type.Optional(Text),
    livedMs: Type.Number({ minimum: 0 }),
    datagramsSent: Whole,
    datagramsReceived: Whole,
    bytesReceived: Whole,
  }),
})
const validate = TypeBoxValidatorCompiler({
  schema: KeptBody,
  httpPart: 'body',
  method: '',
  url: '',
})

/** How sessions ended, kept over restarts: the store has what the log has. */
export class DisconnectHistory {
  readonly #log: DisconnectLog
  readonly #store: DisconnectStore
  readonly #clock: Clock
  readonly #failures: Log | undefined
  /** The seqs of what is stored. */
  readonly #stored = new Set<number>()
  #storedSeq = 0
  #hasFailed = false
  #isSaving = false

  constructor(log: DisconnectLog, store: DisconnectStore, clock: Clock, failures: Log | undefined) {
    this.#log = log
    this.#store = store
    this.#clock = clock
    this.#failures = failures
  }

  /** Takes over what was known before a restart: once, before anybody attaches. */
  restore(): void {
    const rows = this.#store.load()
    for (const { seq } of rows) this.#stored.add(seq)
    this.#log.restore(rows.flatMap(readRow))
    this.#storedSeq = this.#log.lastSeq
  }

  /**
   * Saves what has changed: now and then. Others get their turn between the parts of it. A store
   * that fails does not stop the daemon: it is logged once, and the next call tries again.
   */
  async save(): Promise<void> {
    if (this.#isSaving) return
    this.#isSaving = true
    try {
      for (const isSaved of this.#steps()) {
        if (!isSaved) return
        await nextTurn()
      }
    } finally {
      this.#isSaving = false
    }
  }

  /** Saves all that has changed at once: when the daemon closes. */
  saveNow(): void {
    for (const isSaved of this.#steps()) if (!isSaved) return
  }

  *#steps(): Generator<boolean, void, undefined> {
    this.#log.forget(this.#clock.now() - DISCONNECT_AGE_MS_MAX)
    for (;;) {
      const some = this.#log.after(this.#storedSeq).slice(0, ROWS_PER_STEP)
      const gone = [...this.#stored].filter(seq => !this.#log.has(seq)).slice(0, ROWS_PER_STEP)
      if (some.length + gone.length === 0) return
      yield this.#write(some, gone)
    }
  }

  #write(some: readonly Disconnect[], gone: readonly number[]): boolean {
    try {
      this.#store.save(some.map(rowOf), gone)
    } catch (error) {
      const message = 'how sessions ended could not be saved'
      if (!this.#hasFailed) this.#failures?.error({ err: error }, message)
      this.#hasFailed = true
      return false
    }
    this.#hasFailed = false
    for (const seq of gone) this.#stored.delete(seq)
    for (const { seq } of some) this.#stored.add(seq)
    this.#storedSeq = some.at(-1)?.seq ?? this.#storedSeq
    return true
  }
}

function rowOf({ seq, ...rest }: Disconnect): KeptDisconnect {
  const { count, firstAt, lastAt, end } = rest
  return { seq, body: JSON.stringify({ count, firstAt, lastAt, end }) }
}

/** Nothing for a row that can't be believed. */
function readRow({ seq, body }: KeptDisconnect): Disconnect[] {
  try {
    const value: unknown = JSON.parse(body)
    const { error } = validate(value) as { readonly error?: unknown }
    if (seq > SEQ_MAX || error !== undefined) return []
    return [{ seq, ...(value as Static<typeof KeptBody>) }]
  } catch {
    return []
  }
}
