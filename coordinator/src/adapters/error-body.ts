// What the body of an HTTP error says, as a short piece for a sentence of ours: one line, no secrets, nothing that would play with
// a terminal, and nothing of a web page. Pure.
import { redact } from '@pitstop/shared/redaction'

const longest = 300

/** @returns ": what it says", or nothing. */
export function saying(text: string): string {
  let said: unknown = text.trimStart().startsWith('<') ? '' : text
  try {
    const body = JSON.parse(text) as unknown
    const { message, error_description: description, error } = (typeof body === 'object' ? body ?? {} : {}) as { readonly message?: unknown, readonly error_description?: unknown, readonly error?: unknown }
    // Alertmanager says it as a bare text.
    said = typeof body === 'string' ? body : message ?? description ?? error ?? ''
  } catch {
    // Rack::Attack and proxies answer in plain text.
  }
  const line = redact(typeof said === 'string' ? said : JSON.stringify(said)).replace(/\s+/g, ' ').trim().replace(/[^\P{C}]/gu, '?')
  return line === '' ? '' : `: ${line.length > longest ? `${line.slice(0, longest - 3)}...` : line}`
}
