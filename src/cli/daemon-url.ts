/** How the URL of a daemon is written. */
export const URL_FORMS = 'http://host:8484, ws://host:8484/v1/attach or unix:/path/to/v4v.sock'

/** Reads the URL of a daemon; undefined when it is none. */
export function parseDaemonUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.protocol === 'unix:') return url.host === '' && url.pathname !== '' ? url : undefined
  // With a name or a password in it no request can be made.
  if (url.username !== '' || url.password !== '') return undefined
  return /^(https?|wss?):$/.test(url.protocol) ? url : undefined
}
