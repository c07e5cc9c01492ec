import { readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createPrivateFile } from './private-file.js'
import { storeErrorFrom } from './store-error.js'

/** The name of the file in the state folder that says how the audit log ended. */
export const HEAD_FILE = 'audit.head'

/** The end of an audit log, by which a log that was cut off or put back is told from a whole one. */
export interface AuditHead {
  /** Of the last record; 0 where there is none. */
  readonly seq: number
  /** Of that record, in hex. */
  readonly hash: string
}

/** A head as text: what `parseHead` reads. */
export const HEAD_PATTERN = '^[0-9]{1,15}:[0-9a-f]{64}$'
const pattern = new RegExp(HEAD_PATTERN)

/** The head of a log without records. */
export const NO_RECORD: AuditHead = { seq: 0, hash: '0'.repeat(64) }

/** A head as one word, `NUMBER:HASH`. */
export function formatHead({ seq, hash }: AuditHead): string {
  return `${seq}:${hash}`
}

/** @returns undefined for what is no head. */
export function parseHead(text: string): AuditHead | undefined {
  if (!pattern.test(text)) return undefined
  const [seq = '', hash = ''] = text.split(':')
  return { seq: Number(seq), hash }
}

/**
 * The file beside the database that says how the audit log ended: so a database that was put back
 * is told from one that never went further. It is written after the database and waits for no disk,
 * so after a crash it may say less than the database, and never more.
 */
export class HeadFile {
  readonly #path: string
  #seq = 0

  constructor(path: string) {
    this.#path = path
  }

  /** What it says; undefined where it is not there or can't be understood. */
  read(): AuditHead | undefined {
    try {
      return parseHead(readFileSync(this.#path, 'utf8').trim())
    } catch {
      return undefined
    }
  }

  /**
   * Writes a head that is on the disk in the database, unless it is older than the last; others get
   * their turn meanwhile.
   * @throws StoreError
   */
  async write(head: AuditHead): Promise<void> {
    if (head.seq <= this.#seq) return
    this.#seq = head.seq
    try {
      await writeFile(this.#path, textOf(head), { flag: 'r+' })
    } catch (error) {
      this.#seq = 0
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this.writeNow(head)
      throw storeErrorFrom(error, this.#path)
    }
  }

  /**
   * The same, for one that may also be older.
   * @throws StoreError
   */
  writeNow(head: AuditHead): void {
    createPrivateFile(this.#path)
    try {
      writeFileSync(this.#path, textOf(head))
      this.#seq = head.seq
    } catch (error) {
      throw storeErrorFrom(error, this.#path)
    }
  }
}

// Always of one length, so that it is written over in place: that takes no room on a full disk, and
// nobody ever reads half of it.
function textOf(head: AuditHead): string {
  return `${formatHead(head).padStart(80)}\n`
}
