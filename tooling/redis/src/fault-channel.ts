import type { Socket } from 'node:net';

// Beyond this many waiting bytes the sender has to wait as well, as with a real network.
const highWaterBytes = 1024 * 1024;

/** What the proxy wants of one direction of a connection, asked anew for every piece. */
export interface ChannelRules {
  /** Milliseconds that a piece travels. */
  latencyMs(): number;
  /** Whether bytes vanish. */
  swallowsBytes(): boolean;
  /** Whether the end of the connection goes unnoticed on the other side. */
  swallowsEnd(): boolean;
  /** Of so many bytes that are about to pass, how many may, and whether the connection is cut after them. */
  admit(byteCount: number): { readonly passing: number; readonly cut: boolean };
}

/** One direction of a proxied connection: passes bytes and the end on from source to sink, in order. */
export class FaultChannel {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #rules: ChannelRules;
  readonly #travelling: { readonly bytes: Buffer | 'end'; readonly arrivesAt: number }[] = [];
  #travellingBytes = 0;
  #sinkIsFull = false;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Socket, sink: Socket, rules: ChannelRules) {
    this.#source = source;
    this.#sink = sink;
    this.#rules = rules;
    const end = () => {
      if (!this.#ended) this.#enter('end');
      this.#ended = true;
    };
    source.on('data', (bytes) => this.#enter(bytes));
    source.once('end', end);
    source.once('close', end);
    source.on('error', () => undefined); // 'close' follows, and that is what the other side is to see
    sink.on('drain', () => {
      this.#sinkIsFull = false;
      this.deliver();
    });
    sink.once('close', () => {
      clearTimeout(this.#timer);
      // Nobody will read the rest; flowing lets the source notice its own end.
      source.resume();
    });
  }

  /** Passes on whatever has arrived by now. To be called when the rules have changed. */
  deliver(): void {
    clearTimeout(this.#timer);
    while (!this.#sinkIsFull && !this.#sink.destroyed) {
      const [next] = this.#travelling;
      if (next === undefined) break;
      const wait = next.arrivesAt - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.deliver(), Math.ceil(wait));
        break;
      }
      if (next.bytes === 'end') {
        if (this.#rules.swallowsEnd()) break;
        this.#sink.end();
      } else {
        this.#pass(next.bytes);
        this.#travellingBytes -= next.bytes.length;
      }
      this.#travelling.shift();
    }
    if (this.#travellingBytes < highWaterBytes && !this.#sinkIsFull) this.#source.resume();
  }

  #enter(bytes: Buffer | 'end'): void {
    if (this.#sink.destroyed) return;
    const earliest = this.#travelling.at(-1)?.arrivesAt ?? 0;
    this.#travelling.push({ bytes, arrivesAt: Math.max(performance.now() + this.#rules.latencyMs(), earliest) });
    if (bytes !== 'end') this.#travellingBytes += bytes.length;
    if (this.#travellingBytes >= highWaterBytes) this.#source.pause();
    this.deliver();
  }

  #pass(bytes: Buffer): void {
    if (this.#rules.swallowsBytes()) return;
    const { passing, cut } = this.#rules.admit(bytes.length);
    const passed = bytes.subarray(0, passing);
    if (cut) {
      this.#sink.end(passed);
      this.#source.destroy();
    } else if (!this.#sink.write(passed)) {
      this.#sinkIsFull = true;
      this.#source.pause();
    }
  }
}
