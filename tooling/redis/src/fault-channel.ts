import type { Socket } from 'node:net';

// Beyond this many waiting bytes the sender has to wait as well, as with a real network.
const highWaterBytes = 1024 * 1024;

// A slow direction passes on as much as is due every so many milliseconds.
const slowTickMs = 20;

/** What the proxy wants of one direction of a connection, asked anew for every piece. */
export interface ChannelRules {
  /** Milliseconds that a piece travels. */
  latencyMs(): number;
  /** How many bytes pass in a second at most: Infinity for no limit, 0 for none. */
  bytesPerSecond(): number;
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
  readonly #travelling: { bytes: Buffer | 'end'; readonly arrivesAt: number }[] = [];
  #travellingBytes = 0;
  #sinkIsFull = false;
  #ended = false;
  #nextPieceAt = 0;
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
      const limit = this.#rules.bytesPerSecond();
      if (limit === 0) break;
      const now = performance.now();
      const wait = Math.max(next.arrivesAt, limit === Number.POSITIVE_INFINITY ? 0 : this.#nextPieceAt) - now;
      if (wait > 0) {
        this.#timer = setTimeout(() => this.deliver(), Math.ceil(wait));
        break;
      }
      if (next.bytes === 'end') {
        if (this.#rules.swallowsEnd()) break;
        this.#sink.end();
        this.#travelling.shift();
        continue;
      }
      const piece = next.bytes.subarray(0, Math.max(1, Math.floor((limit * slowTickMs) / 1_000)));
      this.#nextPieceAt = now + (piece.length / limit) * 1_000;
      next.bytes = next.bytes.subarray(piece.length);
      this.#travellingBytes -= piece.length;
      if (next.bytes.length === 0) this.#travelling.shift();
      this.#pass(piece);
    }
    if (!this.#isFull && !this.#sinkIsFull) this.#source.resume();
  }

  // What one is slow to read waits at the sender, not here.
  get #isFull(): boolean {
    const slow = this.#rules.bytesPerSecond() !== Number.POSITIVE_INFINITY;
    return slow ? this.#travellingBytes > 0 : this.#travellingBytes >= highWaterBytes;
  }

  #enter(bytes: Buffer | 'end'): void {
    if (this.#sink.destroyed) return;
    const earliest = this.#travelling.at(-1)?.arrivesAt ?? 0;
    this.#travelling.push({ bytes, arrivesAt: Math.max(performance.now() + this.#rules.latencyMs(), earliest) });
    if (bytes !== 'end') this.#travellingBytes += bytes.length;
    if (this.#isFull) this.#source.pause();
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
