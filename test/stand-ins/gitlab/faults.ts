// Faults that tests plant: each is used up by the next matching requests. What is not about the answer itself
// (refusing, cutting, hanging, landing late) happens here, so that the routes stay what GitLab does.

export interface PlantedFault {
  /** "GET", "PUT", "POST"; absent = any. */
  readonly method?: string
  /** Part of the path; absent = any. */
  readonly path?: string
  /** How many requests it hits; default 1. */
  readonly times?: number
  readonly effect:
    | { readonly kind: 'status', readonly status: number, readonly body?: string, readonly headers?: Readonly<Record<string, string>> }
    /** Carried out late: the answer comes after `ms`. */
    | { readonly kind: 'latency', readonly ms: number }
    /** Never answered; never carried out. */
    | { readonly kind: 'hang' }
    /** Carried out at once, never answered. */
    | { readonly kind: 'hang-after' }
    /** Never answered; carried out `ms` after the client gave up. */
    | { readonly kind: 'land-late', readonly ms: number }
    /** Connection reset before it is carried out. */
    | { readonly kind: 'reset' }
    /** Carried out, then the connection is reset. */
    | { readonly kind: 'reset-after' }
    /** Carried out; the answer is half a JSON document. */
    | { readonly kind: 'truncate' }
    /** Carried out; the answer ends before its content-length. */
    | { readonly kind: 'cut' }
    /** Carried out; fields of the answer replaced or, when given as "-", removed. */
    | { readonly kind: 'rewrite', readonly fields: Readonly<Record<string, unknown>> }
}

export interface FaultBox {
  plant(fault: PlantedFault): void
  /** The fault for this request, which it uses up. */
  take(method: string, path: string): PlantedFault['effect'] | undefined
  clear(): void
}

export function createFaultBox(): FaultBox {
  let planted: { fault: PlantedFault, left: number }[] = []
  return {
    plant(fault) { planted.push({ fault, left: fault.times ?? 1 }) },
    take(method, path) {
      const hit = planted.find(({ fault }) => (fault.method ?? method) === method && path.includes(fault.path ?? ''))
      if (hit === undefined) return undefined
      hit.left--
      planted = planted.filter(({ left }) => left > 0)
      return hit.fault.effect
    },
    clear() { planted = [] }
  }
}

/** The body of an answer after a fault that bends it. */
export function bend(effect: PlantedFault['effect'] | undefined, body: string): string {
  if (effect?.kind === 'truncate') return body.slice(0, Math.floor(body.length / 2))
  if (effect?.kind !== 'rewrite') return body
  const fields = { ...JSON.parse(body) as Record<string, unknown>, ...effect.fields }
  return JSON.stringify(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== '-')))
}
