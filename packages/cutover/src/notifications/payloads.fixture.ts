// What docker-registry 2.8.2 sent, recorded from one; what Harbor sends, put together as goharbor/harbor's src/pkg/notifier/formats does (main, 2.14).
export const recorded = {
  "blobPushed": {
    "events": [
      {
        "id": "08cc06ff-f788-4dbe-93a1-dfce9d0d8626",
        "timestamp": "2026-11-26T10:08:58.786481209Z",
        "action": "push",
        "target": {
          "mediaType": "application/octet-stream",
          "size": 2,
          "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
          "length": 2,
          "repository": "team/app",
          "url": "http://127.0.0.1:18998/v2/team/app/blobs/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        },
        "request": {
          "id": "e5402fc7-1cbd-46a1-a05e-9d9dd2f1de81",
          "addr": "127.0.0.1:59868",
          "host": "127.0.0.1:18998",
          "method": "PUT",
          "useragent": "curl/7.88.1"
        },
        "actor": {},
        "source": {
          "addr": "vm:18998",
          "instanceID": "25f0e1b7-c5d2-440f-a2af-57822ea5f505"
        }
      }
    ]
  },
  "manifestPushed": {
    "events": [
      {
        "id": "9ba6ec10-42c1-4da1-99e4-f8232f9a69fb",
        "timestamp": "2026-11-26T10:08:58.816162044Z",
        "action": "push",
        "target": {
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "size": 240,
          "digest": "sha256:1743cc4d36219b8666928dd3989a0449c31086911ba55365e240f8d351ca80c7",
          "length": 240,
          "repository": "team/app",
          "url": "http://127.0.0.1:18998/v2/team/app/manifests/sha256:1743cc4d36219b8666928dd3989a0449c31086911ba55365e240f8d351ca80c7",
          "tag": "v1"
        },
        "request": {
          "id": "99ee17d7-b29f-4492-a1dd-7514f41927d1",
          "addr": "127.0.0.1:59872",
          "host": "127.0.0.1:18998",
          "method": "PUT",
          "useragent": "curl/7.88.1"
        },
        "actor": {},
        "source": {
          "addr": "vm:18998",
          "instanceID": "25f0e1b7-c5d2-440f-a2af-57822ea5f505"
        }
      }
    ]
  },
  "manifestDeleted": {
    "events": [
      {
        "id": "46a7e71b-d3d8-4369-a748-a82ce197cf33",
        "timestamp": "2026-11-26T10:08:58.841127896Z",
        "action": "delete",
        "target": {
          "digest": "sha256:1743cc4d36219b8666928dd3989a0449c31086911ba55365e240f8d351ca80c7",
          "repository": "team/app"
        },
        "request": {
          "id": "cec0727e-cf16-4c77-a0b6-fa1d28409786",
          "addr": "127.0.0.1:59882",
          "host": "127.0.0.1:18998",
          "method": "DELETE",
          "useragent": "curl/7.88.1"
        },
        "actor": {},
        "source": {
          "addr": "vm:18998",
          "instanceID": "25f0e1b7-c5d2-440f-a2af-57822ea5f505"
        }
      }
    ]
  },
  "tagDeleted": {
    "events": [
      {
        "id": "7681ba06-fb1b-4ab0-a9c9-f02fdcb4e419",
        "timestamp": "2026-11-26T10:08:58.844464412Z",
        "action": "delete",
        "target": {
          "repository": "team/app",
          "tag": "v1"
        },
        "request": {
          "id": "cec0727e-cf16-4c77-a0b6-fa1d28409786",
          "addr": "127.0.0.1:59882",
          "host": "127.0.0.1:18998",
          "method": "DELETE",
          "useragent": "curl/7.88.1"
        },
        "actor": {},
        "source": {
          "addr": "vm:18998",
          "instanceID": "25f0e1b7-c5d2-440f-a2af-57822ea5f505"
        }
      }
    ]
  }
}

const digest = 'sha256:dde8e930c7b6a490f728e66292bc9bce42efc9bbb5278bae40e4f30f6e00fe8c'
const repository = { date_created: 1677053165, name: 'busybox', namespace: 'library', repo_full_name: 'library/busybox', repo_type: 'public' }

export function harborEvent(type: string, tag: string = '1.36'): object {
  return { type, occur_at: 1678082303, operator: 'admin', event_data: { resources: [{ digest, tag, resource_url: `harbor.dev/library/busybox${tag === digest ? '@' : ':'}${tag}` }], repository } }
}
export function harborCloudEvent(type: string, tag: string = '1.36'): object {
  return {
    specversion: '1.0', id: '4b2f89a6-548d-4c12-9993-a1f5790b97d2', source: '/projects/1/webhook/policies/3', type, datacontenttype: 'application/json', time: '2023-03-06T06:08:43Z',
    data: { resources: [{ digest, tag, resource_url: `harbor.dev/library/busybox:${tag}` }], repository }, operator: 'admin', requestid: '2eedfab8-61d3-4f3c-8ec3-8f82d1ec4c84',
  }
}
