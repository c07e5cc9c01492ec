import { CONTROL_NAME } from '../abi/addr.js'
import type { Membership } from './membership.js'
import type { PortRange, Selector } from './selector.js'
import type { Subject } from './subject.js'

/** Where rules about a domain are filed, and for which of its ports: all when none are said. */
export interface Place {
  readonly key: string
  readonly ports: readonly PortRange[] | undefined
}

/** Where rules about every domain are filed. */
export const ANY_KEY = '*'

/** Where a rule is filed that has this selector on one side. */
export function placeOf(selector: Selector): string {
  switch (selector.kind) {
    case 'name':
      return selector.name
    case 'tag':
      return tagKey(selector.tag)
    case 'set':
      return setKey(selector.set)
    case 'any':
      return ANY_KEY
  }
}

/** All places where rules about a domain may be: its name, its tags, its sets, and `*`. */
export function placesOf(subject: Subject, membership: Membership): readonly Place[] {
  const places: Place[] = [{ key: subject.name, ports: undefined }]
  if (subject.name === CONTROL_NAME) return places
  const tags = new Set([...subject.tags, ...membership.tagsOf(subject.name)])
  for (const tag of tags) places.push({ key: tagKey(tag), ports: undefined })
  for (const [set, ports] of membership.setsOf(subject)) places.push({ key: setKey(set), ports })
  places.push({ key: ANY_KEY, ports: undefined })
  return places
}

function tagKey(tag: string): string {
  return `tag:${tag}`
}

function setKey(set: string): string {
  return `@${set}`
}
