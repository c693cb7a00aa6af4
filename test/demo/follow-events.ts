// Follows a coordinator's journal over its local socket until something has happened.
import { request } from 'node:http'
import type { Event } from '@pitstop/coordinator/domain/event'

/** Resolves with the first event from now or from the past that matches. Rejects when the stream ends before. */
export function untilEvent(socketPath: string, matches: (event: Event) => boolean): Promise<Event> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/api/v1/events?after=0', headers: { accept: 'text/event-stream', 'pitstop-user': 'demo' } }, (response) => {
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        const blocks = (rest + chunk).split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) {
          const data = block.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trim()).join('\n')
          if (data === '') continue
          const parsed = JSON.parse(data) as { event?: Event } & Event
          const event = parsed.event ?? parsed
          const found = matches(event)
          if (found) resolve(event)
          else if (event.type === 'window-closed') reject(new Error('the window closed, and it did not happen'))
          else continue
          asked.destroy()
          return
        }
      })
      response.on('end', () => { reject(new Error('the event stream ended')) })
    })
    asked.on('error', reject)
    asked.end()
  })
}
