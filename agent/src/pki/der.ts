// The few forms of ASN.1 DER that a signing request is made of. Pure.

const tags = { integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, utf8String: 0x0C, sequence: 0x30, set: 0x31 } as const

export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content])
  const length: number[] = []
  for (let rest = content.length; rest > 0; rest >>= 8) length.unshift(rest & 0xFF)
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length, ...length]), content])
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => element(tags.sequence, ...parts)
export const set = (...parts: readonly Uint8Array[]): Buffer => element(tags.set, ...parts)
export const octetString = (content: Uint8Array): Buffer => element(tags.octetString, content)
export const utf8String = (text: string): Buffer => element(tags.utf8String, Buffer.from(text))
/** Whole octets only. */
export const bitString = (content: Uint8Array): Buffer => element(tags.bitString, Buffer.from([0]), content)
/** 0 to 127. */
export const smallInteger = (value: number): Buffer => element(tags.integer, Buffer.from([value]))
/** [number] of a choice or an implicit field; constructed when it holds other elements. */
export const context = (number: number, constructed: boolean, ...parts: readonly Uint8Array[]): Buffer => element(0x80 | (constructed ? 0x20 : 0) | number, ...parts)

/** @param text "1.2.840.113549". */
export function objectIdentifier(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  return element(tags.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(value: number): number[] {
  const digits = [value & 0x7F]
  for (let rest = value >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 0x7F) | 0x80)
  return digits
}
