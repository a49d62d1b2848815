// `[driver@]root[+run-root][:options]`, what stands between the brackets of a containers-storage name. containers-transports(5).
import { isAbsolute } from 'node:path'
import { EngineError } from './errors.ts'

/** The flags that make podman use this store; none for the user's own. @throws EngineError when it is not well formed */
export function storeFlags(spec: string): readonly string[] {
  if (spec === '') return []
  const bad = (why: string): never => { throw new EngineError('ENGINE_REFUSED', `containers-storage:[${spec}]: ${why}; the form is [DRIVER@ROOT+RUNROOT:OPTIONS], with absolute paths`) }
  const at = spec.indexOf('@')
  const driver = at < 0 ? undefined : spec.slice(0, at)
  const [places, options] = cut(spec.slice(at + 1), ':')
  const [root, runRoot] = cut(places, '+')
  if (driver === '') bad('the driver before @ is missing')
  if (!isAbsolute(root)) bad(`the root "${root}" is no absolute path`)
  if (runRoot !== undefined && !isAbsolute(runRoot)) bad(`the run root "${runRoot}" is no absolute path`)
  return [
    '--root', root, ...(runRoot === undefined ? [] : ['--runroot', runRoot]), ...(driver === undefined ? [] : ['--storage-driver', driver]),
    ...(options === undefined || options === '' ? [] : options.split(',').flatMap((option) => ['--storage-opt', option])),
  ]
}

function cut(text: string, mark: string): readonly [string, string?] {
  const at = text.indexOf(mark)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}
