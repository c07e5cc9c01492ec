import type { Api, Input } from './api.js'
import type { Call } from './endpoints.js'
import { isLeft, Problem } from './problem.js'

export interface ServerEvent {
  readonly name: string
  readonly data: string
}

export interface Following {
  readonly input: Input
  /** Ends it. */
  readonly signal: AbortSignal
  readonly onEvent: (event: ServerEvent) => void
  /** Told with undefined when events come, and with what is in the way when they do not. */
  readonly onState: (problem: Problem | undefined) => void
}

const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 15_000

/**
 * Follows server-sent events, and goes on when they break off. EventSource could not: it sends no
 * Authorization header.
 */
export async function follow(api: Api, call: Call, following: Following): Promise<void> {
  const { input, signal, onEvent, onState } = following
  let retryMs = RETRY_MS_MIN
  while (!signal.aborted) {
    try {
      const stream = await api.stream(call, { ...input, signal })
      onState(undefined)
      retryMs = RETRY_MS_MIN
      await readEvents(stream, onEvent)
      onState(new Problem(0, 'ECONNRESET', 'the daemon has ended the events'))
    } catch (error) {
      if (signal.aborted || isLeft(error)) return
      onState(Problem.of(error))
    }
    await pause(retryMs, signal)
    retryMs = Math.min(2 * retryMs, RETRY_MS_MAX)
  }
}

/** Waits, but no longer than there is a reason to. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) {
      resolve()
      return
    }
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
}

async function readEvents(
  stream: ReadableStream<Uint8Array>,
  onEvent: (event: ServerEvent) => void,
): Promise<void> {
  const decoder = new TextDecoder()
  const reader = stream.getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      rest += decoder.decode(value, { stream: true })
      const blocks = rest.split('\n\n')
      rest = blocks.pop()!
      for (const block of blocks) {
        const event = parseEvent(block)
        if (event !== undefined) onEvent(event)
      }
    }
  } finally {
    // Whoever fails at an event follows anew: this one must not go on beside that.
    await reader.cancel().catch(() => undefined)
  }
}

function parseEvent(block: string): ServerEvent | undefined {
  let name = 'message'
  const data: string[] = []
  for (const line of block.split('\n')) {
    const [, field = '', value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? []
    if (field === 'event') name = value
    if (field === 'data') data.push(value)
  }
  return data.length === 0 ? undefined : { name, data: data.join('\n') }
}
