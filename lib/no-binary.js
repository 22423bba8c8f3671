// The error for a platform without a binary.

module.exports = { noBinary }

/**
 * Returns the error for a missing binary.
 * @param {string} kind - the binary: `binary` for the addon, `executable` for the command line
 * @param {Error[]} attempts - the errors of the attempts to find it
 */
function noBinary(kind, attempts) {
  const lines = attempts.map(({ message }) => String(message).split('\n')[0])
  // The generated loader also tries a WebAssembly build, which this package does not have.
  const native = [...new Set(lines)].filter((line) => !line.includes('wasi'))
  const error = new Error(
    `session-groups found no ${kind} that runs on ${process.platform} ${process.arch}:\n` +
      native.map((line) => `- ${line}\n`).join('') +
      'It comes as an optional dependency for Linux (glibc 2.17 or newer, musl), macOS and Windows, each on x64 and arm64: ' +
      'install again without --omit=optional (--no-optional), on the system where it is to run. A tarball of a checkout ' +
      'has the binary of one system only. For any other, "From source" in the README says how to build it.' +
      (kind === 'binary' ? ' A bundler must leave session-groups out of the bundle (`external`).' : ''),
  )
  error.code = 'SESSION_GROUPS_NO_BINARY'
  const failed = attempts.filter(({ message }) => !/^Cannot find (module|package)/.test(message))
  if (failed.length > 0) error.cause = failed.at(-1)
  return error
}
