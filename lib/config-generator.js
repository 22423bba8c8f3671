// `ConfigGenerator`: the configuration files of a session as `claude-code-agent` makes them. All files go through the
// container's file system, if it has one.

const fs = require('node:fs/promises')
const { directoryName, requireObject, substituteTemplate, throwInvalidArgument } = require('./addon.js')
const { requireMethods } = require('./arguments.js')

exports.ConfigGenerator = class ConfigGenerator {
  #container

  constructor(container) {
    if (container !== undefined) requireObject('container', container)
    if (container?.fileSystem != null)
      requireMethods('container.fileSystem', container.fileSystem, [
        'readFile',
        'writeFile',
        'exists',
        'mkdir',
      ])
    this.#container = container
  }

  async generateSessionConfig(session, group) {
    requireObject('session', session)
    requireObject('group', group)
    requireObject('group.config', group.config)
    const config = session.config ?? group.config.sessionDefaults
    const configDir = configDirectory(group.id, session.id)
    const failure = await this.#createDirectory(configDir)
    if (failure) return failure

    const template = config?.generateClaudeMd ? (config.claudeMdTemplate ?? session.template) : undefined
    let claudeMdPath
    if (template !== undefined) {
      const text = await this.resolveTemplate(template)
      if (text.isErr()) return text
      const claudeMd = this.generateClaudeMd(text.value, variablesOf(session, group, config))
      const written = await this.#write(`${configDir}/CLAUDE.md`, () => claudeMd)
      if (written.isErr()) return written
      claudeMdPath = written.value
    }

    let settingsPath
    if (config?.generateSettings && config.settingsOverride !== undefined) {
      const settings = this.generateSettings(config.settingsOverride)
      const written = await this.#write(`${configDir}/settings.json`, () => JSON.stringify(settings, null, 2))
      if (written.isErr()) return written
      settingsPath = written.value
    }
    return new Ok({ configDir, claudeMdPath, settingsPath })
  }

  generateClaudeMd(template, variables) {
    return substituteTemplate(template, variables)
  }

  generateSettings(overrides) {
    requireObject('overrides', overrides)
    return { ...overrides }
  }

  async resolveTemplate(templatePath) {
    if (typeof templatePath !== 'string') throwInvalidArgument('templatePath', 'a string', templatePath)
    const isPath = templatePath.startsWith('/') || templatePath.startsWith('./')
    const path = isPath ? templatePath : `${configHome()}/claude-code-agent/templates/${templatePath}`
    const fileSystem = this.#fileSystem
    try {
      if (!isPath && !(await fileSystem.exists(path))) return new Err({ type: 'template_not_found', path })
      return new Ok(await fileSystem.readFile(path))
    } catch (cause) {
      return new Err({ type: 'template_read_failed', path, cause })
    }
  }

  get #fileSystem() {
    return this.#container?.fileSystem ?? disk
  }

  /** Returns the error of a directory that cannot be created. */
  async #createDirectory(path) {
    try {
      if (!(await this.#fileSystem.exists(path))) await this.#fileSystem.mkdir(path, { recursive: true })
      return undefined
    } catch (cause) {
      return new Err({ type: 'mkdir_failed', path, cause })
    }
  }

  /** Writes the text that a function makes into a file; returns its path. */
  async #write(path, makeText) {
    try {
      await this.#fileSystem.writeFile(path, makeText())
      return new Ok(path)
    } catch (cause) {
      return new Err({ type: 'config_write_failed', path, cause })
    }
  }
}

/** A result that has a value. */
class Ok {
  constructor(value) {
    this.value = value
  }

  isOk() {
    return true
  }

  isErr() {
    return false
  }
}

/** A result that has an error. */
class Err {
  constructor(error) {
    this.error = error
  }

  isOk() {
    return false
  }

  isErr() {
    return true
  }
}

/** The file system that is used without one in the container. What it writes is private. */
const disk = {
  readFile: (path) => fs.readFile(path, 'utf8'),
  // An earlier file, or a link in its place, is removed first.
  writeFile: async (path, text) => {
    await fs.rm(path, { force: true })
    await fs.writeFile(path, text, { flag: 'wx', mode: 0o600 })
  },
  exists: (path) =>
    fs.access(path).then(
      () => true,
      () => false,
    ),
  mkdir: (path, options) => fs.mkdir(path, { ...options, mode: 0o700 }),
}

/** Returns the values of a template's variables. */
function variablesOf(session, group, config) {
  return {
    ...config.variables,
    session_id: session.id,
    group_id: group.id,
    group_name: group.name,
    project_path: session.projectPath,
    prompt: session.prompt,
    model: session.model ?? group.config.model,
  }
}

/** Returns the directory of a session's configuration. */
function configDirectory(groupId, sessionId) {
  const data = process.env.XDG_DATA_HOME || `${home()}/.local/share`
  const [group, session] = [groupId, sessionId].map(directoryName)
  return `${data}/claude-code-agent/session-groups/${group}/sessions/${session}/claude-config`
}

function configHome() {
  return process.env.XDG_CONFIG_HOME || `${home()}/.config`
}

function home() {
  return process.env[process.platform === 'win32' ? 'USERPROFILE' : 'HOME'] ?? ''
}
