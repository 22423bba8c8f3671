// A local npm registry for tests. It serves only the packages that were published to it.

import { createServer } from 'node:http'

/**
 * Starts the registry. Returns its address and a function that lists the published packages. It does not keep the
 * process alive.
 */
export async function startRegistry() {
  const packages = new Map()
  const tarballs = new Map()

  const publish = (text) => {
    const { name, versions, access, _attachments, 'dist-tags': tags } = JSON.parse(text)
    // npm refuses provenance for a package without public access before it sends anything.
    if (access !== 'public') return [402, { error: `${name} must be published with public access` }]
    if (packages.has(name))
      return [403, { error: 'You cannot publish over the previously published versions' }]
    packages.set(name, { name, versions, 'dist-tags': tags })
    for (const [file, { data }] of Object.entries(_attachments))
      tarballs.set(`/${name}/-/${file}`, Buffer.from(data, 'base64'))
    return [201, { ok: true }]
  }

  const server = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const { pathname } = new URL(request.url, 'http://registry')
    const found = tarballs.get(pathname) ?? packages.get(pathname.slice(1))
    const [status, body] =
      request.method === 'PUT'
        ? publish(Buffer.concat(chunks).toString())
        : [found ? 200 : 404, found ?? { error: 'not found' }]
    response.statusCode = status
    if (!Buffer.isBuffer(body)) response.setHeader('content-type', 'application/json')
    response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  return {
    host: `127.0.0.1:${server.address().port}`,
    names: () => [...packages.keys()].sort(),
  }
}
