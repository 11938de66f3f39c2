/** One server-sent event. */
export interface ServerEvent {
  id: string | null;
  event: string;
  data: string;
}

/** Splits a text/event-stream into its events, however its bytes were cut. */
export class EventParser {
  private rest = '';
  private id: string | null = null;

  push(text: string): ServerEvent[] {
    this.rest += text;
    const out: ServerEvent[] = [];
    for (let end = this.rest.indexOf('\n\n'); end >= 0; end = this.rest.indexOf('\n\n')) {
      const block = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + 2);
      let event = 'message';
      const data: string[] = [];
      for (const line of block.split('\n')) {
        const colon = line.indexOf(':');
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'data') {
          data.push(value);
        } else if (field === 'event') {
          event = value;
        } else if (field === 'id') {
          this.id = value;
        }
      }
      if (data.length > 0) {
        out.push({ id: this.id, event, data: data.join('\n') });
      }
    }
    return out;
  }
}

/** Reads events until the stream ends. EventSource would do, if it could send a token. */
export async function readEvents(
  response: Response,
  each: (event: ServerEvent) => void,
): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    parser.push(value).forEach(each);
  }
}
