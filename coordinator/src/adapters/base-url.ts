// The address of an HTTP API that is given a token, as people configure it. Pure.
import * as v from 'valibot'

const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)

/** A token must not travel in the clear, nor stand in a URL. */
function isBaseUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return false
  if (/\/api(?:\/|$)/.test(url.pathname)) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}

/** Without trailing slash. @param api where the API begins, which is added by us: "/api/v4". */
export const baseUrlWithout = (api: string): v.GenericSchema<string> => v.pipe(
  v.string(),
  v.check(isBaseUrl, `must be https://HOST (http only for loopback) without user, query and ${api}`),
  v.transform((text) => text.replace(/\/+$/, ''))
) as v.GenericSchema<string>
