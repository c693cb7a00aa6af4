// How many requests Gitaly is working on, from its Prometheus page. Behind a short deadline, never a condition for
// anything: what cannot be counted is -1. Nothing heavy: the reboot's unit asks just before the stop.
import { get } from 'node:http'
import { requestsInFlight } from '../domain/grpc-metrics.ts'

const deadlineMs = 1000
/** Gitaly's page has a histogram for each of some 250 methods: a megabyte or two. */
const longestPage = 32 * 1024 * 1024

/** @param address host:port; undefined = Gitaly serves no metrics here. @returns -1 = not known. Never rejects. */
export function countRequests(address: string | undefined): Promise<number> {
  if (address === undefined) return Promise.resolve(-1)
  return new Promise((resolve) => {
    const end = (count: number): void => {
      clearTimeout(late)
      request.destroy()
      resolve(count)
    }
    const request = get(`http://${address}/metrics`, { agent: false, headers: { accept: 'text/plain' } }, (response) => {
      if (response.statusCode !== 200) { end(-1); return }
      let page = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        page += text
        if (page.length > longestPage) end(-1)
      })
      response.on('error', () => { end(-1) })
      response.on('end', () => { end(response.complete ? requestsInFlight(page) ?? -1 : -1) })
    })
    const late = setTimeout(() => { end(-1) }, deadlineMs)
    request.on('error', () => { end(-1) })
  })
}
