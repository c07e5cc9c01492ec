import Type from 'typebox'
import { STATE_STATUSES } from '../state/check-state.js'

const StatusName = Type.Enum([...STATE_STATUSES], {
  description: 'degraded: a daemon could start all the same; broken: none could',
})

export const StateCheckView = Type.Object({
  status: StatusName,
  revision: Type.Union([Type.Integer(), Type.Null()], {
    description: 'the one that a start would put in force; 0 for none, null where none could start',
  }),
  findings: Type.Array(
    Type.Object({ name: Type.String(), status: StatusName, message: Type.String() }),
  ),
})
