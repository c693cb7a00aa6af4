// What really happened in the simulated world, written down by the world itself: the evidence that the checker judges.
export type Happening =
  | { readonly at: number, readonly what: 'order-accepted', readonly node: string, readonly step: string, readonly id: string, readonly epoch: number }
  | { readonly at: number, readonly what: 'order-refused', readonly node: string, readonly id: string, readonly code: string }
  | { readonly at: number, readonly what: 'apt-ran', readonly node: string, readonly id: string }
  | { readonly at: number, readonly what: 'gitaly-stopped', readonly node: string, readonly id: string | null }
  | { readonly at: number, readonly what: 'gitaly-serving', readonly node: string }
  | { readonly at: number, readonly what: 'booted', readonly node: string, readonly bootId: string, readonly id: string | null }
  | { readonly at: number, readonly what: 'weights-written', readonly by: string, readonly before: Readonly<Record<string, number>>, readonly after: Readonly<Record<string, number>> }
  | { readonly at: number, readonly what: 'schedule-set', readonly by: string, readonly active: boolean }
  | { readonly at: number, readonly what: 'coordinator-killed' }

export class History {
  readonly happenings: Happening[] = []
  add(happening: Happening): void { this.happenings.push(happening) }
}
