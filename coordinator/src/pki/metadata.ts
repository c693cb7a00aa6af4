// The part of the Reflect metadata proposal that tsyringe (inside @peculiar/x509) asks for at import: three calls,
// a map. Loaded before the library by x509.ts alone; a real polyfill that is already there is left in place.
type Store = Map<unknown, unknown>

const stores = new WeakMap<object, Store>()
const own = (key: unknown, target: object): unknown => stores.get(target)?.get(key)

function inherited(key: unknown, target: object | null): unknown {
  for (let at = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (stores.get(at)?.has(key) === true) return own(key, at)
  }
  return undefined
}

function define(key: unknown, value: unknown, target: object): void {
  const store: Store = stores.get(target) ?? new Map()
  store.set(key, value)
  stores.set(target, store)
}

if (!('getMetadata' in Reflect)) Object.assign(Reflect, { defineMetadata: define, getMetadata: inherited, getOwnMetadata: own })
