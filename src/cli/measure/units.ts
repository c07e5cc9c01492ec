/** What times are measured in, and what they are said in. */
export const NS_PER_US = 1e3
export const NS_PER_MS = 1e6
export const NS_PER_SECOND = 1e9
