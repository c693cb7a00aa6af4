// Reads a stream of server-sent events. Heartbeats and unknown fields are passed over.

export interface ServerEvent { readonly id: number, readonly data: string }

export async function* readServerEvents(stream: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = readBlock(block)
      if (event !== undefined) yield event
    }
  }
}

function readBlock(block: string): ServerEvent | undefined {
  let id = Number.NaN
  const data: string[] = []
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) id = Number(line.slice(4))
    else if (line.startsWith('data: ')) data.push(line.slice(6))
  }
  return data.length > 0 && Number.isSafeInteger(id) ? { id, data: data.join('\n') } : undefined
}
