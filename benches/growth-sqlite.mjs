// `growth-sqlite.mjs FILE GROUPS SESSIONS` makes a database with the same groups as `makeStore`.

import { group } from './groups.mjs'
import { SqliteRepository } from './sqlite.mjs'

const [file, groups, sessions] = process.argv.slice(2)
const repository = await SqliteRepository.open(file)
repository.saveAll(made())
repository.close()

function* made() {
  for (let number = 0; number < Number(groups); number += 1) yield group(number, Number(sessions))
}
