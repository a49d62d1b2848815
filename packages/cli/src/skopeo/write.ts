/** To stdout, whole: a manifest may be longer than a pipe takes at once. A reader that went away is no error. */
export async function write(content: string | Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(content, (error) => {
      const isGone = error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED')
      if (error && !isGone) reject(error)
      else resolve()
    })
  })
}
