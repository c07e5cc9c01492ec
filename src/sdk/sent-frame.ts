import { readSentEntry, sentUpTo, type SendFailure } from '../abi/data-frame.js'
import { frameX } from '../abi/frame.js'
import type { Packer, SendFrame } from './packer.js'

/** Told of each stretch of a frame's messages, in order. */
export interface Verdicts {
  accept(frame: SendFrame, count: number): void
  refuse(frame: SendFrame, count: number, firstSeq: number, failure: SendFailure): void
}

/**
 * Goes through the messages that a SENT decides and takes their frames off the packer's list.
 * @param from the first sequence number that was not decided before.
 * @returns the first one that is not decided now, or what is wrong with the frame.
 */
export function readSent(
  packer: Packer,
  view: DataView,
  at: number,
  from: number,
  verdicts: Verdicts,
): number | string {
  const upTo = sentUpTo(view, at)
  if (upTo < from || upTo > packer.sealedSeq) return 'SENT speaks of messages that were not sent'
  const entries = frameX(view, at)
  let index = 0
  let failure = entries > 0 ? readSentEntry(view, at, 0) : undefined
  let seq = from
  while (seq < upTo) {
    const frame = packer.inFlight.peek()!
    const frameEnd = frame.firstSeq + frame.count
    const end = Math.min(frameEnd, upTo)
    while (seq < end) {
      if (failure === undefined || failure.firstSeq >= end) {
        verdicts.accept(frame, end - seq)
        seq = end
        break
      }
      const failureEnd = failure.firstSeq + failure.count
      if (failureEnd <= seq || failureEnd > upTo) return 'SENT has a failure out of its range'
      if (failure.firstSeq > seq) {
        verdicts.accept(frame, failure.firstSeq - seq)
        seq = failure.firstSeq
      }
      const refusedEnd = Math.min(end, failureEnd)
      verdicts.refuse(frame, refusedEnd - seq, seq, failure)
      seq = refusedEnd
      if (seq === failureEnd) {
        index++
        failure = index < entries ? readSentEntry(view, at, index) : undefined
      }
    }
    if (seq === frameEnd) {
      packer.inFlight.shift()
      packer.release(frame)
    }
  }
  return failure === undefined ? upTo : 'SENT has a failure out of its range'
}
