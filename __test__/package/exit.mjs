// Ends with work in flight: at once with `now`, otherwise when all is done.

import { FileGroupRepository } from 'session-groups'
import { group } from './use.cjs'

const repository = new FileGroupRepository(process.argv[2])
for (let number = 0; number < 50; number += 1) repository.save(group(`g${number}`))
if (process.argv[3] === 'now') process.exit(0)
