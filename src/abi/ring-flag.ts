/** What notify says about a ring (Argo: XEN_ARGO_RING_*). */
export const RING_FLAG = {
  /** A ring matched. */
  EXISTS: 0x01,
  /** It is the wildcard one. */
  SHARED: 0x02,
  /** Nothing is in it. */
  EMPTY: 0x04,
  /** The space asked for is there now. */
  SUFFICIENT: 0x08,
  /** The space asked for never will be there. */
  EMSGSIZE: 0x10,
  /** The space is not there, and the table of waiters is full: no event will follow. */
  EBUSY: 0x20,
} as const
