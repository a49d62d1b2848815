// Signatures, SBOMs and other referrers: told by the referrers API, hung on their subjects, not listed beside them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { artifact, cosignSignature, image, index, referrersFallback, type SyntheticContent } from '../content/image.ts'
import { seed } from '../seed.ts'
import { type EmbeddedHarbor, startEmbeddedHarbor } from './embedded-harbor.ts'
import { basic, HarborUser } from './harbor-user.fixture.ts'

let harbor: EmbeddedHarbor
let admin: HarborUser

beforeAll(async () => {
  harbor = await startEmbeddedHarbor()
  admin = new HarborUser(harbor.url, harbor.admin)
})
afterAll(async () => {
  admin[Symbol.dispose]()
  await harbor[Symbol.asyncDispose]()
})

async function push(repository: string, tag: string | undefined, content: SyntheticContent): Promise<void> {
  await seed(harbor.url, [{ repository, content, ...(tag === undefined ? {} : { tag }) }], { authorization: basic(harbor.admin), concurrency: 1 })
}

const signatureType = 'application/vnd.cncf.notary.signature'
const base = '/api/v2.0/projects/library/repositories'

describe('accessories', () => {
  test('each kind is told by its type, whether the subject came before or after', async () => {
    const subject = image({ seed: 'subject', layers: [10] })
    const notation = artifact({ seed: 1, artifactType: signatureType, mediaType: 'application/jose+json', size: 20, subject: subject.root })
    const sbom = artifact({ seed: 2, artifactType: 'application/vnd.goharbor.harbor.sbom.v1', mediaType: 'application/json', size: 30, subject: subject.root })
    const other = artifact({ seed: 3, artifactType: 'application/spdx+json', mediaType: 'text/plain', size: 40, subject: subject.root, annotations: { by: 'hand' } })
    const cosign = cosignSignature(subject.root.digest)
    await push('library/app', undefined, notation)
    await push('library/app', cosign.tag, cosign.content)
    await push('library/app', '1', subject)
    await push('library/app', undefined, sbom)
    await push('library/app', 'named', other)

    const list = await admin.get(`${base}/app/artifacts?with_accessory=true`)
    expect(list.headers['x-total-count']).toBe('1')
    const [shown] = list.json as { digest: string; accessories: { type: string; digest: string; subject_artifact_digest: string }[] }[]
    expect(shown?.digest).toBe(subject.root.digest)
    expect(Object.fromEntries(shown!.accessories.map(({ type, digest }) => [digest, type]))).toEqual({
      [notation.root.digest]: 'signature.notation', [cosign.content.root.digest]: 'signature.cosign', [sbom.root.digest]: 'sbom.harbor', [other.root.digest]: 'subject.accessory',
    })
    expect((await admin.get(`${base}/app/artifacts/1/accessories?q=type%3Dsbom.harbor`)).json).toMatchObject([{ digest: sbom.root.digest, subject_artifact_repo: 'library/app' }])
    expect((await admin.get(`${base}/app`)).json).toMatchObject({ artifact_count: 1 })
    expect((await admin.get('/v2/library/app/tags/list')).json).toMatchObject({ tags: ['1', 'named', cosign.tag] })

    const referrers = await admin.get(`/v2/library/app/referrers/${subject.root.digest}`)
    expect(referrers.headers['content-type']).toBe('application/vnd.oci.image.index.v1+json')
    const { manifests } = referrers.json as { manifests: { digest: string; size: number; artifactType: string; annotations?: unknown }[] }
    expect(manifests).toHaveLength(4)
    expect(manifests).toContainEqual({
      mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: other.root.digest, size: other.root.bytes.byteLength, artifactType: 'application/spdx+json', annotations: { by: 'hand' },
    })
    const filtered = await admin.get(`/v2/library/app/referrers/${subject.root.digest}?artifactType=${encodeURIComponent(signatureType)}`)
    expect(filtered.headers['oci-filters-applied']).toBe('artifactType')
    expect(filtered.json).toMatchObject({ manifests: [{ digest: notation.root.digest }] })
    expect((await admin.get(`/v2/library/none/referrers/${subject.root.digest}`)).json).toMatchObject({ schemaVersion: 2, manifests: [] })
    expect((await admin.get('/v2/library/app/referrers/1')).status).toBe(400)
  })

  test('the answer to a push names the subject', async () => {
    const subject = image({ seed: 'named', layers: [10] })
    const content = artifact({ seed: 4, artifactType: signatureType, mediaType: 'application/jose+json', size: 20, subject: subject.root })
    await push('library/named', undefined, content)
    const answer = await admin.send('PUT', `/v2/library/named/manifests/${content.root.digest}`, content.root.bytes, { 'content-type': content.root.mediaType })
    expect(answer).toMatchObject({ status: 201, headers: { 'oci-subject': subject.root.digest } })
  })

  test('they go with their subject, and their blobs stop to count', async () => {
    const subject = image({ seed: 'going', layers: [10] })
    const signature = artifact({ seed: 5, artifactType: signatureType, mediaType: 'application/jose+json', size: 20, subject: subject.root })
    const ofSignature = artifact({ seed: 6, artifactType: 'application/spdx+json', mediaType: 'text/plain', size: 20, subject: signature.root })
    harbor.addProject('going')
    await push('going/app', '1', subject)
    await push('going/app', undefined, signature)
    await push('going/app', undefined, ofSignature)
    expect((await admin.send('DELETE', '/api/v2.0/projects/going/repositories/app/artifacts/1')).status).toBe(200)
    for (const { root } of [subject, signature, ofSignature]) expect((await admin.get(`/v2/going/app/manifests/${root.digest}`)).status).toBe(404)
    expect(harbor.used('going')).toBe(0)
  })

  test('what an index lists is not deleted: neither a child, nor a signature under the fallback tag', async () => {
    const [one, two] = [image({ seed: 'child one', layers: [10] }), image({ seed: 'child two', layers: [10] })]
    const both = index({ children: [one, two] })
    await push('library/multi', 'v1', both)
    await push('library/multi', 'one', one)
    const artifacts = `${base}/multi/artifacts`
    expect(await admin.send('DELETE', `${artifacts}/${two.root.digest}`)).toMatchObject({ status: 412, code: 'VIOLATE_FOREIGN_KEY_CONSTRAINT' })
    expect((await admin.get(artifacts)).headers['x-total-count']).toBe('2')
    expect((await admin.get(`${artifacts}?q=base%3D*`)).headers['x-total-count']).toBe('3')
    expect((await admin.get(`${artifacts}/v1`)).json).toMatchObject({ type: 'IMAGE', references: [{ child_digest: one.root.digest }, { child_digest: two.root.digest }] })
    // A child with a tag of its own stays, the other goes.
    expect((await admin.send('DELETE', `${artifacts}/v1`)).status).toBe(200)
    expect((await admin.get(`${artifacts}/${two.root.digest}`)).status).toBe(404)
    expect((await admin.get(`${artifacts}/one`)).status).toBe(200)

    const subject = image({ seed: 'fallback', layers: [10] })
    const signature = artifact({ seed: 7, artifactType: signatureType, mediaType: 'application/jose+json', size: 20, subject: subject.root })
    const fallback = referrersFallback(subject.root.digest, [signature])
    await push('library/fallback', '1', subject)
    await push('library/fallback', fallback.tag, fallback.content)
    expect((await admin.send('DELETE', `${base}/fallback/artifacts/1`)).status).toBe(412)
    expect((await admin.send('DELETE', `${base}/fallback`)).status).toBe(200)
    expect((await admin.get(`${base}/fallback`)).status).toBe(404)
  })
})
