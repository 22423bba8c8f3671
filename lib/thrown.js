// What other people's code throws, as text. It may be anything, even what has no text.

/** Returns a property of what was thrown as text, or else what was thrown itself. */
exports.textOf = (thrown, property) => {
  try {
    return String(thrown?.[property] ?? thrown)
  } catch {
    return 'what was thrown has no text'
  }
}
