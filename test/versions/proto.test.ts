// The protocol only grows: no field number, type or name that 0.1.0 sent means something else today, no value of an enum
// and no call is gone. What may come is new fields, values and calls.
import { readFileSync } from 'node:fs'
import t from 'tap'

interface Field { readonly id: number, readonly type: string, readonly rule?: string }
interface Method { readonly requestType: string, readonly responseType: string, readonly requestStream?: boolean, readonly responseStream?: boolean }
interface Node {
  readonly nested?: Readonly<Record<string, Node>>
  readonly fields?: Readonly<Record<string, Field>>
  readonly values?: Readonly<Record<string, number>>
  readonly methods?: Readonly<Record<string, Method>>
  readonly oneofs?: Readonly<Record<string, { readonly oneof: readonly string[] }>>
}

const read = (path: string): Node => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Node

/** Every way in which `now` breaks those who speak `then`. */
function broken(then: Node, now: Node | undefined, path: string): string[] {
  if (now === undefined) return [`${path} is gone`]
  const same = (what: string, before: unknown, after: unknown): string[] => JSON.stringify(before) === JSON.stringify(after) ? [] : [`${path}.${what} was ${JSON.stringify(before)} and is ${JSON.stringify(after)}`]
  const oneofOf = (node: Node, field: string): string | undefined => Object.entries(node.oneofs ?? {}).find(([, { oneof }]) => oneof.includes(field))?.[0]
  const numbers = new Map(Object.entries(then.fields ?? {}).map(([name, { id }]) => [id, name]))
  return [
    ...Object.entries(then.fields ?? {}).flatMap(([name, field]) => [
      ...same(name, { id: field.id, type: field.type, rule: field.rule }, now.fields?.[name] === undefined ? undefined : { id: now.fields[name].id, type: now.fields[name].type, rule: now.fields[name].rule }),
      ...same(`${name} (oneof)`, oneofOf(then, name), oneofOf(now, name))
    ]),
    ...Object.entries(now.fields ?? {}).filter(([name, { id }]) => numbers.has(id) && numbers.get(id) !== name).map(([name, { id }]) => `${path}.${name} has the number ${id} of ${numbers.get(id) ?? ''}`),
    ...Object.entries(then.values ?? {}).flatMap(([name, value]) => same(name, value, now.values?.[name])),
    ...Object.entries(then.methods ?? {}).flatMap(([name, method]) => same(name, method, now.methods?.[name])),
    ...Object.entries(then.nested ?? {}).flatMap(([name, node]) => broken(node, now.nested?.[name], `${path}.${name}`))
  ]
}

const then = read('fixtures/0.1.0/descriptors.json')
const present = '../../proto/src/descriptors.json'

void t.test('whoever speaks the protocol of 0.1.0 is understood', async (t) => {
  t.same(broken(then, read(present), ''), [])
})

void t.test('each way of breaking the protocol is seen', async (t) => {
  const change = (edit: (v1: Record<string, Node>) => void): string[] => {
    const now = read(present)
    edit(now.nested?.['pitstop']?.nested?.['v1']?.nested as Record<string, Node>)
    return broken(then, now, '')
  }
  const fields = (v1: Record<string, Node>, name: string): Record<string, Field> => v1[name]?.fields as Record<string, Field>
  t.match(change((v1) => { delete v1['Verdict'] }), [/v1\.Verdict is gone/])
  t.match(change((v1) => { fields(v1, 'Order')['epoch'] = { id: 6, type: 'string' } }), [/Order\.epoch was .*uint64.* and is .*string/])
  t.match(change((v1) => { fields(v1, 'Order')['epoch'] = { id: 60, type: 'uint64' } }), [/Order\.epoch was/])
  t.match(change((v1) => { delete fields(v1, 'Order')['boot_id']; fields(v1, 'Order')['host'] = { id: 9, type: 'string' } }), [/Order\.boot_id was/, /Order\.host has the number 9 of boot_id/])
  t.match(change((v1) => { fields(v1, 'Verdict')['reasons'] = { id: 4, type: 'Reason' } }), [/Verdict\.reasons/])
  t.match(change((v1) => { Object.assign(v1['HealthStatus']?.values ?? {}, { HEALTH_STATUS_HEALTHY: 3 }) }), [/HEALTH_STATUS_HEALTHY was 1 and is 3/])
  t.match(change((v1) => { const methods = (v1['AgentService']?.methods ?? {}) as Record<string, Method>; delete methods['CancelReboot'] }), [/CancelReboot was/])
  t.same(change((v1) => { fields(v1, 'Order')['colour'] = { id: 99, type: 'string' } }), [], 'a new field breaks nobody')
})
