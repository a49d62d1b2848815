// The OpenAPI document: routes as they are registered, schemas as they are checked.
import swagger from '@fastify/swagger'
import type { HttpApp } from '@longshore/telemetry'
import { z } from 'zod'
import { components } from './schemas.ts'

export async function publishOpenApi(app: HttpApp, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Longshore coordinator', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } as { name: string },
        description: 'Submits migrations of container images and steers them. Errors are application/problem+json (RFC 9457) with a `code`, which docs/errors.md explains.',
      },
      servers: [{ url: '/', description: 'this coordinator; every replica answers the same' }],
      tags: [
        { name: 'migrations', description: 'Submitted units of work: a spec, then its run' }, { name: 'images', description: 'What becomes of each image' },
        { name: 'cutovers', description: 'From the first copy to go or no-go' },
        { name: 'pool', description: 'Who works' }, { name: 'api', description: 'This document' },
      ],
      security: [{ token: [] }],
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'LONGSHORE_TOKEN of the coordinator' }, notification: { type: 'http', scheme: 'bearer', description: 'LONGSHORE_NOTIFICATION_SECRET of the coordinator' } },
        // JSON Schema 2020-12, which OpenAPI 3.1 takes and the types of 3.0 do not know.
        schemas: publishedSchemas() as never,
      },
    },
  })
}

function publishedSchemas(): Readonly<Record<string, object>> {
  const { schemas } = z.toJSONSchema(components, { uri: (id) => `#/components/schemas/${id}`, io: 'input' })
  return Object.fromEntries(Object.entries(schemas).map(([id, form]) => [id, Object.fromEntries(Object.entries(form).filter(([key]) => key !== '$schema' && key !== '$id'))]))
}
