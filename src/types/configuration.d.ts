/** Files that a {@link ConfigGenerator} has generated for a session. */
export interface SessionConfigResult {
  /** Directory of the files. */
  readonly configDir: string
  /** Path of the generated CLAUDE.md. */
  readonly claudeMdPath?: string | undefined
  /** Path of the generated settings.json. */
  readonly settingsPath?: string | undefined
}

/** Error of a {@link ConfigGenerator}. `cause` is what the file system threw. */
export type ConfigGeneratorError =
  | {
      /** There is no such template. */
      readonly type: 'template_not_found'
      /** File or directory concerned. */
      readonly path: string
    }
  | {
      /** The template cannot be read. */
      readonly type: 'template_read_failed'
      /** File or directory concerned. */
      readonly path: string
      /** The error of the file system. */
      readonly cause: unknown
    }
  | {
      /** A file cannot be written. */
      readonly type: 'config_write_failed'
      /** File or directory concerned. */
      readonly path: string
      /** The error of the file system. */
      readonly cause: unknown
    }
  | {
      /** The template is invalid. */
      readonly type: 'invalid_template'
      /** Description of the error. */
      readonly message: string
    }
  | {
      /** A directory cannot be created. */
      readonly type: 'mkdir_failed'
      /** File or directory concerned. */
      readonly path: string
      /** The error of the file system. */
      readonly cause: unknown
    }

/** Result that has a value. */
export interface Ok<T, E> {
  /** The value. */
  readonly value: T
  /** Returns `true`. */
  isOk(): this is Ok<T, E>
  /** Returns `false`. */
  isErr(): this is Err<T, E>
}

/** Result that has an error. */
export interface Err<T, E> {
  /** The error. */
  readonly error: E
  /** Returns `false`. */
  isOk(): this is Ok<T, E>
  /** Returns `true`. */
  isErr(): this is Err<T, E>
}

/** A value or an error, in the shape that the package `neverthrow` has. */
export type Result<T, E> = Ok<T, E> | Err<T, E>

/**
 * Generates the configuration files of sessions as `claude-code-agent` does: CLAUDE.md from a template, and settings.json.
 * A session that is run by this package does not need it.
 *
 * All files go through the container's file system, if it has one. Otherwise files are readable by their owner alone.
 *
 * @example
 * const generator = new ConfigGenerator(undefined)
 * const result = await generator.generateSessionConfig(session, group)
 * if (result.isErr()) throw new Error(result.error.type)
 * console.log(result.value.claudeMdPath)
 */
export declare class ConfigGenerator {
  /**
   * Creates a generator. Throws `INVALID_ARGUMENT`.
   *
   * @param container Surroundings, of which the generator uses the file system.
   */
  constructor(container: GroupContainer | undefined)

  /**
   * Generates the files of a session in `$XDG_DATA_HOME/claude-code-agent/session-groups/{group}/sessions/{session}/claude-config`
   * (`~/.local/share` by default). The configuration is the session's own, or else the group's `sessionDefaults`.
   * Rejects with `INVALID_ARGUMENT` for a session or a group that is not an object.
   *
   * @param session Session to generate files for.
   * @param group Its group.
   */
  generateSessionConfig(
    session: GroupSession,
    group: SessionGroup,
  ): Promise<Result<SessionConfigResult, ConfigGeneratorError>>

  /**
   * Replaces `{{name}}` in a template by the values of variables. A variable without a value stays as it is, and what looks
   * like a variable in a value, too. `\{{` stands for two braces. Throws `INVALID_ARGUMENT`.
   *
   * @param template Text of the template.
   * @param variables Values by the names of variables.
   */
  generateClaudeMd(template: string, variables: { readonly [name: string]: string }): string

  /**
   * Returns a copy of settings. Throws `INVALID_ARGUMENT`.
   *
   * @param overrides Settings.
   */
  generateSettings(overrides: { readonly [key: string]: unknown }): object

  /**
   * Reads a template: the file itself if the path begins with `/` or `./`, otherwise the file of that name in
   * `$XDG_CONFIG_HOME/claude-code-agent/templates` (`~/.config` by default). Rejects with `INVALID_ARGUMENT`.
   *
   * @param templatePath Path or name of the template.
   */
  resolveTemplate(templatePath: string): Promise<Result<string, ConfigGeneratorError>>
}
