/**
 * Options of the SDK's `connect` for clients that keep to the socket, also where memory could be shared
 * with the daemon or polling would be worth its while: each scenario is about one thing.
 */
export const SOCKET_ONLY = { sharedMemory: 'off', polling: 'off' } as const
