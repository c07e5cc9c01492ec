/** Fulfilled in the next turn of the event loop: whoever waits for data goes first. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
