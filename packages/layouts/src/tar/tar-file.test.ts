import { writeFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { io, leftBehind, run, tarBytes, type TarItem, testFolder, writeTar } from '../archive.fixture.ts'
import { TarFile, type TarOptions } from './tar-file.ts'

async function opened(bytes: Buffer, options: Partial<TarOptions> = {}): Promise<TarFile> {
  const path = join(await testFolder(), 'a.tar')
  await writeFile(path, bytes)
  return await TarFile.open(path, 'oci-archive:a.tar', { ...io, ...options })
}

async function text(tar: TarFile, path: string): Promise<string | undefined> {
  const bytes = await tar.document(path)
  return bytes && Buffer.from(bytes).toString()
}

describe('a tar file is read by position', () => {
  const long = `${'d'.repeat(150)}/${'f'.repeat(150)}`
  test.each(['ustar', 'pax', 'gnu'])('as GNU tar writes it in the format %s', async (format) => {
    const folder = await testFolder()
    const name = format === 'ustar' ? `${'d'.repeat(50)}/${'f'.repeat(45)}` : long
    const split = `${'p'.repeat(90)}/${'q'.repeat(90)}`
    await run('sh', ['-c', 'mkdir -p "$(dirname "$0")" && printf content > "$0" && mkdir -p "$(dirname "$2")" && printf split > "$2" && printf é > é && ln -s "$0" link && ln "$0" hard && head -c 700000 /dev/zero > large && printf end > zz && tar -c -f ../b.tar --format="$1" --sort=name .', name, format, split], { cwd: await subfolder(folder) })
    await using tar = await TarFile.open(join(folder, 'b.tar'), 'x', io)
    expect([await text(tar, name), await text(tar, 'link'), await text(tar, './hard'), await text(tar, 'é'), await text(tar, split), await text(tar, 'zz')]).toEqual(['content', 'content', 'content', 'é', 'split', 'end'])
    expect(tar.index.file('large')).toMatchObject({ size: 700_000 })
    expect([tar.index.file('none'), tar.index.file(name.slice(0, 50))]).toEqual([undefined, undefined])
  })

  test('files that are larger than what is there of them in memory, and what comes behind', async () => {
    const large = Buffer.alloc(9_000_000, 'abcdefg')
    await using tar = await opened(await tarBytes([{ name: 'large', bytes: large }, { name: 'behind', bytes: 'b' }]))
    const entry = tar.index.file('large')!
    expect(Buffer.concat(await Array.fromAsync(tar.content(entry, 8_000_001, io.signal))).equals(large.subarray(8_000_001))).toBe(true)
    expect(await text(tar, 'behind')).toBe('b')
  })

  test('what stands behind the end of the archive is none of it', async () => {
    await using tar = await opened(Buffer.concat([await tarBytes([{ name: 'a', bytes: 'a' }]), await tarBytes([{ name: 'a', bytes: 'b' }, { name: '../x', bytes: 'b' }])]))
    expect([...tar.index.entries.keys()]).toEqual(['a'])
    expect(await text(tar, 'a')).toBe('a')
  })
})

async function subfolder(folder: string): Promise<string> {
  const path = join(folder, 'tree')
  await run('mkdir', [path])
  return path
}

const file = (name: string, more: Partial<TarItem> = {}): TarItem => ({ name, bytes: 'x', ...more })
const link = (name: string, linkname: string, type: 'symlink' | 'link' = 'symlink'): TarItem => ({ name, type, linkname })

describe('an archive that no honest tool writes is refused', () => {
  test.each<[string, readonly TarItem[], string]>([
    ['an absolute path', [file('/etc/passwd')], 'entry "/etc/passwd" points out of the archive'],
    ['a path that leads out', [file('a/../../b')], 'entry "a/../../b" points out of the archive'],
    ['a path that climbs', [file('a/../b')], 'entry "a/../b" points out of the archive'],
    ['a symbolic link out', [link('a/b', '../../c')], 'the link "a/b" leads to "../../c" which is out of the archive'],
    ['a symbolic link to an absolute path', [link('a', '/etc/passwd')], 'the link "a" leads to "/etc/passwd" which is out of the archive'],
    ['a hard link out', [link('a/b', '../c', 'link')], 'the link "a/b" leads to "../c" which is out of the archive'],
    ['a loop of links', [link('a', 'b'), link('b', 'c'), link('c', 'a')], 'the link "a" leads back to itself'],
    ['a file below a link', [link('a', 'b'), file('a/x')], 'entry "a/x" lies below "a", which is no folder'],
    ['an entry twice', [file('a'), file('./a')], 'entry "a" is there twice'],
    ['a folder that is a file', [{ name: 'a/', type: 'directory' }, file('a')], 'entry "a" is there twice'],
    ['a device', [{ name: 'a', type: 'character-device' }], 'entry "a" is a character-device'],
    ['a fifo', [{ name: 'a', type: 'fifo' }], 'entry "a" is a fifo'],
    ['a sparse file', [file('a', { pax: { 'GNU.sparse.major': '1' } })], 'entry "a" is a sparse file'],
    ['a size in pax that lies', [file('a', { pax: { size: '99999999999' } })], 'entry "a" claims 99999999999 bytes'],
    ['more entries than allowed', [file('a'), file('b'), file('c'), file('d')], 'has more than 3 entries'],
  ])('%s', async (_, items, message) => {
    await expect(opened(await tarBytes(items), { maxEntries: 3 })).rejects.toMatchObject({ code: 'ARCHIVE_HOSTILE', message: expect.stringContaining(message) as string })
  })

  test('a link with content, where readers disagree on what comes next', async () => {
    const bytes = await tarBytes([link('a', 'b'), file('b')])
    bytes.write('00000001000', 124)
    fixChecksum(bytes)
    await expect(opened(bytes)).rejects.toThrow('entry "a" is a link, and claims 512 bytes of content')
  })

  test('a document that is larger than any manifest', async () => {
    await using tar = await opened(await tarBytes([{ name: 'index.json', bytes: Buffer.alloc(4 * 1024 * 1024 + 1) }]))
    await expect(tar.document('index.json')).rejects.toMatchObject({ code: 'ARCHIVE_HOSTILE', message: expect.stringContaining('index.json has 4194305 bytes') as string })
  })

  test.each([['gzip', gzipSync], ['zstd', zstdCompressSync]])('a bomb of %s; nothing stays behind', async (_, compress) => {
    const tmpdir = await testFolder()
    const opening = opened(compress(await tarBytes([{ name: 'a', bytes: Buffer.alloc(3_000_000) }])), { tmpdir, maxUnpackedBytes: 1_000_000 })
    await expect(opening).rejects.toMatchObject({ code: 'ARCHIVE_HOSTILE', message: expect.stringContaining('unpacks to more than 1000000 bytes') as string })
    expect(await leftBehind(tmpdir)).toEqual([])
  })
})

function fixChecksum(header: Buffer): void {
  header.write('        ', 148)
  header.write(`${header.subarray(0, 512).reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148)
}

describe('a file that is damaged or none is told as such', () => {
  test('cut off, plain', async () => {
    const path = await writeTar(join(await testFolder(), 'a.tar'), [{ name: 'a', bytes: Buffer.alloc(5000) }])
    await truncate(path, 3000)
    await expect(TarFile.open(path, 'x', io)).rejects.toMatchObject({ code: 'ARCHIVE_HOSTILE', message: 'x: entry "a" claims 5000 bytes, and only 2488 are there: the file was cut off, or it lies' })
  })

  test.each([['gzip', gzipSync], ['zstd', zstdCompressSync]])('cut off, %s', async (name, compress) => {
    const bytes = compress(await tarBytes([{ name: 'a', bytes: Buffer.from(Array.from({ length: 5000 }, (_, at) => at * at)) }]))
    await expect(opened(bytes.subarray(0, -20))).rejects.toMatchObject({ code: 'LAYOUT_INVALID', message: expect.stringContaining(`as ${name} it cannot be read`) as string })
  })

  test('cut off, xz', async () => {
    const path = await writeTar(join(await testFolder(), 'a.tar'), [{ name: 'a', bytes: Buffer.alloc(5000) }])
    await run('xz', [path])
    await truncate(`${path}.xz`, 150)
    await expect(TarFile.open(`${path}.xz`, 'x', io)).rejects.toThrow('x is damaged: xz says')
  })

  test.each<[string, Buffer, string]>([
    ['text', Buffer.from('hello '.repeat(200)), 'is no tar file, or a damaged one'], ['empty', Buffer.alloc(0), 'is empty'],
  ])('%s', async (_, bytes, message) => { await expect(opened(bytes)).rejects.toMatchObject({ code: 'LAYOUT_INVALID', message: expect.stringContaining(message) as string }) })

  test('missing, and a folder', async () => {
    const folder = await testFolder()
    await expect(TarFile.open(join(folder, 'no'), 'x', io)).rejects.toMatchObject({ code: 'LAYOUT_MISSING' })
    await expect(TarFile.open(folder, 'x', io)).rejects.toThrow('x is a folder, not an archive')
  })

  test('given up in the middle', async () => {
    const tmpdir = await testFolder()
    const stop = new AbortController()
    const opening = opened(gzipSync(await tarBytes([{ name: 'a', bytes: Buffer.alloc(30_000_000) }])), { signal: stop.signal, tmpdir })
    setTimeout(() => { stop.abort(new Error('enough')) }, 20)
    await expect(opening).rejects.toThrow('enough')
    expect(await leftBehind(tmpdir)).toEqual([])
  })
})
