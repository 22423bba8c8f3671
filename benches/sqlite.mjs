// A repository in SQLite, as a program without this package would have it: a row for each group with its JSON, a column
// for each field of a query, prepared statements, a write-ahead log. Its calls are synchronous, as SQLite's are.

import { loadSqlite } from './sqlite-package.mjs'
import { summarize } from './summarize.mjs'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS groups (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    json TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS groups_status ON groups (status);
  CREATE INDEX IF NOT EXISTS groups_created_at ON groups (created_at);
  CREATE INDEX IF NOT EXISTS groups_updated_at ON groups (updated_at);
`
const COLUMNS = { id: 'id', name: 'name', createdAt: 'created_at', updatedAt: 'updated_at' }
const INSERT =
  'INSERT OR REPLACE INTO groups (id, status, name, created_at, updated_at, json) VALUES (?, ?, ?, ?, ?, ?)'
const UPDATE = 'UPDATE groups SET status = ?, name = ?, updated_at = ?, json = ? WHERE id = ?'

/** The sums over the sessions, computed by SQLite from the JSON. */
const SUMMARIES_FROM_JSON = `
  SELECT groups.id, name, groups.json ->> 'slug' AS slug, status, created_at AS createdAt, updated_at AS updatedAt,
    count(session.key) AS totalSessions,
    count(*) FILTER (WHERE session.value ->> 'status' = 'completed') AS completed,
    count(*) FILTER (WHERE session.value ->> 'status' = 'active') AS running,
    count(*) FILTER (WHERE session.value ->> 'status' IN ('pending', 'paused')) AS pending,
    count(*) FILTER (WHERE session.value ->> 'status' = 'failed') AS failed,
    total(session.value ->> 'cost') AS totalCost,
    sum(session.value ->> '$.tokens.input') AS input, sum(session.value ->> '$.tokens.output') AS output,
    sum(session.value ->> '$.tokens.cacheRead') AS cacheRead,
    sum(session.value ->> '$.tokens.cacheWrite') AS cacheWrite,
    groups.json ->> '$.config.maxBudgetUsd' AS maxBudgetUsd
  FROM groups LEFT JOIN json_each(groups.json, '$.sessions') AS session
  GROUP BY groups.id ORDER BY groups.id`

export class SqliteRepository {
  #database
  #statements = new Map()
  #transaction

  /** Opens the database and creates its table if necessary. A durable write waits for an fsync of the log. */
  static async open(file, { durable = false } = {}) {
    const Database = await loadSqlite()
    return new SqliteRepository(new Database(file), durable)
  }

  constructor(database, durable) {
    this.#database = database
    // A process waits for the others as long as one of the package does in the same row.
    database.exec('PRAGMA busy_timeout = 60000')
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
    // 64 MiB, as the package's cache of texts has.
    database.exec('PRAGMA cache_size = -65536')
    database.exec(SCHEMA)
    this.#transaction = database.transaction((work) => work())
  }

  close() {
    this.#database.close()
  }

  version() {
    return this.#prepare('SELECT sqlite_version() AS version').get().version
  }

  findById(id) {
    const row = this.#prepare('SELECT json FROM groups WHERE id = ?').get(id)
    return row ? JSON.parse(row.json) : null
  }

  list({ status, limit } = {}, { field = 'id', direction = 'asc' } = {}) {
    const where = status === undefined ? '' : 'WHERE status = ?'
    const page = limit === undefined ? '' : 'LIMIT ?'
    const query = `SELECT json FROM groups ${where} ORDER BY ${COLUMNS[field]} ${direction} ${page}`
    const values = [status, limit].filter((value) => value !== undefined)
    return parsed(this.#prepare(query).all(...values))
  }

  count({ status }) {
    return this.#prepare('SELECT count(*) AS count FROM groups WHERE status = ?').get(status).count
  }

  save(group) {
    const { id, status, name, createdAt, updatedAt } = group
    this.#prepare(INSERT).run(id, status, name, createdAt, updatedAt, JSON.stringify(group))
  }

  saveAll(groups) {
    this.#transaction.immediate(() => {
      for (const group of groups) this.save(group)
    })
  }

  updateSession(id, sessionId, changes) {
    return this.#transaction.immediate(() => {
      const group = this.findById(id)
      const session = group?.sessions.find((session) => session.id === sessionId)
      if (!session) return false
      Object.assign(session, changes)
      group.updatedAt = new Date().toISOString()
      this.#prepare(UPDATE).run(group.status, group.name, group.updatedAt, JSON.stringify(group), id)
      return true
    })
  }

  summariesFromJson() {
    return this.#prepare(SUMMARIES_FROM_JSON).all()
  }

  /** Creates a table with a column for each field of a summary, for programs that keep it up to date with each write. */
  keepSummaries(groups) {
    const rows = groups.map(summarize).map(({ totalTokens, ...rest }) => ({ ...rest, ...totalTokens }))
    const columns = Object.keys(rows[0])
    const types = columns.map((column) => `${column} ${column === 'id' ? 'PRIMARY KEY' : ''}`)
    this.#database.exec(`CREATE TABLE summaries (${types.join(', ')})`)
    const insert = this.#prepare(`INSERT INTO summaries VALUES (${columns.map(() => '?').join(', ')})`)
    this.#transaction.immediate(() => {
      for (const row of rows) insert.run(...Object.values(row))
    })
  }

  /** Returns rows whose sums of tokens are columns of their own. */
  summaries() {
    return this.#prepare('SELECT * FROM summaries ORDER BY id').all()
  }

  /** Returns a number that changes when another connection has written. */
  dataVersion() {
    return this.#prepare('PRAGMA data_version').get().data_version
  }

  updatedSince(time) {
    return parsed(this.#prepare('SELECT json FROM groups WHERE updated_at >= ?').all(time))
  }

  #prepare(query) {
    let statement = this.#statements.get(query)
    if (!statement) {
      statement = this.#database.prepare(query)
      this.#statements.set(query, statement)
    }
    return statement
  }
}

const parsed = (rows) => rows.map(({ json }) => JSON.parse(json))
