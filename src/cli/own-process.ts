import { setFlagsFromString } from 'node:v8'
import { stepBackOthers } from '../native/thread-priority.js'

/**
 * Sets up a process that a daemon has for itself so that its first thread, which moves the
 * datagrams, waits for no other: those that Node compiles and collects garbage with step back,
 * and a short collection, which is the usual one, is not shared with them.
 */
export function dedicateProcess(): void {
  void stepBackOthers()
  setFlagsFromString('--no-parallel-scavenge')
}
