import { open, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file to send the lines of: part of a real log of this machine. */
export interface RealText {
  /** Where the lines come from. */
  readonly source: string
  /** The copy that is sent, which nobody appends to meanwhile. */
  readonly path: string
}

const LOG_DIRS = ['/var/log', '/var/log/apt', '/private/var/log']
/** Lines are told apart best in a file that is not too short. */
const BYTES_MIN = 1_000
const BYTES_MAX = 64 * 1024

/** Finds a readable log file and copies its start; the package's own text when there is none. */
export async function realText(dir: string): Promise<RealText> {
  for (const source of [...(await logFiles()), packageFile]) {
    const text = await readStart(source)
    if (text === undefined) continue
    const path = join(dir, 'lines.txt')
    await writeFile(path, text)
    return { source, path }
  }
  throw new Error(`${packageFile} can't be read`)
}

const packageFile = fileURLToPath(import.meta.url)

async function logFiles(): Promise<string[]> {
  const found = ['/var/log/dpkg.log']
  for (const dir of LOG_DIRS) {
    const names = await readdir(dir).catch(() => [])
    found.push(...names.filter(name => name.endsWith('.log')).map(name => join(dir, name)))
  }
  return found
}

/** The first whole lines of a text file; undefined when it is none, too short or not readable. */
async function readStart(path: string): Promise<Buffer | undefined> {
  let file
  try {
    file = await open(path, 'r')
    if (!(await file.stat()).isFile()) return undefined
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BYTES_MAX), 0, BYTES_MAX, 0)
    const end = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1
    return end < BYTES_MIN || buffer.subarray(0, end).includes(0)
      ? undefined
      : buffer.subarray(0, end)
  } catch {
    return undefined // the next one, then
  } finally {
    await file?.close()
  }
}
