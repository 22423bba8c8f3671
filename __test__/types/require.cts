// A CommonJS program under `verbatimModuleSyntax`.

import groups = require('session-groups')

const repository: groups.GroupRepository = new groups.FileGroupRepository('/groups')
const status: groups.GroupStatus = 'running'

async function first(): Promise<groups.SessionGroup | undefined> {
  const [group] = await repository.findByStatus(status)
  return group
}

export = { first }
