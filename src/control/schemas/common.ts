import Type from 'typebox'
import { DOMID_MAX, PORT_ANY } from '../../abi/addr.js'
import { NAME_CHARS_MAX } from '../../abi/limits.js'

/** Longest text that says why an admin made a change, in code points. */
export const REASON_CHARS_MAX = 500

export const Revision = Type.Integer({
  minimum: 0,
  description: 'revision of the policy in force; 0 before the first change',
})

export const Milliseconds = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'milliseconds since the Unix epoch',
})

/**
 * A point in time, or null where it has not come. It is no union, because answers with one are
 * written by asking a validator which it is: ten thousand times for ten thousand rules, and making
 * the validator holds up datagrams for 20 ms.
 */
export const MillisecondsOrNull = Type.Unsafe<number | null>({
  ...Milliseconds,
  type: ['integer', 'null'],
})

/** Looser than a name really is: the service says better what is wrong with one. */
export const Name = Type.String({
  minLength: 1,
  maxLength: NAME_CHARS_MAX,
  description: 'name of a domain, such as web',
})

export const DomainNumber = Type.Integer({
  minimum: 0,
  maximum: DOMID_MAX,
  description: 'number of a domain',
})

export const PortNumber = Type.Integer({ minimum: 0, maximum: PORT_ANY - 1, description: 'port' })

export const Count = Type.Integer({ minimum: 0 })

export const Reason = Type.String({
  maxLength: REASON_CHARS_MAX,
  description: 'why the change is made, for the audit log',
})

export const NameParams = Type.Object({ name: Name })

/** Headers that a change understands. */
export const ChangeHeaders = Type.Object({
  'x-v4v-reason': Type.Optional(Reason),
})

/** Headers that a change of the rules understands. */
export const RuleChangeHeaders = Type.Object({
  'x-v4v-reason': Type.Optional(Reason),
  'if-match': Type.Optional(
    Type.String({
      pattern: '^((W/)?"[0-9]{1,15}"|[0-9]{1,15}|\\*)$',
      description: 'the revision this change was made for, such as "7"; refused if it is another',
    }),
  ),
})

/** The body of a change that needs no more than a reason, and not even that. */
export const ReasonBody = Type.Union([
  Type.Object({ reason: Type.Optional(Reason) }, { additionalProperties: false }),
  Type.Null(),
])

/** What every change answers at least. */
export const Changed = Type.Object({ revision: Revision })
