import { formatCount } from './format.js';
import type { ServiceSnapshot, Snapshot } from './snapshot.js';
import type { Output, View } from './view.js';

const lineEveryMs = 2_000;

/** A line every two seconds, and one for whatever happens in between. */
export class PlainView implements View {
  readonly #output: Output;
  readonly #startedAtMs = performance.now();
  #last: Snapshot | undefined;
  #shownAtMs = 0;

  constructor(output: Output, title: string) {
    this.#output = output;
    output.write(`@events demo ${title}\n`);
  }

  enter(phase: string): void {
    this.note(phase);
  }

  update(snapshot: Snapshot): void {
    this.#last = snapshot;
    if (snapshot.elapsedMs - this.#shownAtMs >= lineEveryMs) this.#show(snapshot);
  }

  note(text: string): void {
    this.#line(text);
  }

  close(): void {
    if (this.#last !== undefined && this.#last.elapsedMs !== this.#shownAtMs) this.#show(this.#last);
  }

  #show(snapshot: Snapshot): void {
    this.#shownAtMs = snapshot.elapsedMs;
    this.#line(plainLine(snapshot));
  }

  #line(text: string): void {
    const seconds = ((performance.now() - this.#startedAtMs) / 1_000).toFixed(1);
    this.#output.write(`${seconds.padStart(6)} s  ${text.replace(/\s+/g, ' ')}\n`);
  }
}

/** Everything that the live view shows, in one line. */
export function plainLine({ planned, services, totals }: Snapshot): string {
  const sum = (value: (service: ServiceSnapshot) => number) =>
    formatCount(services.reduce((total, service) => total + value(service), 0));
  const lag = services.some((service) => service.lag === null) ? '?' : sum((service) => service.lag ?? 0);
  return [
    `${formatCount(totals.placed)}/${formatCount(planned)} orders placed, ${formatCount(totals.closed)} closed`,
    `${sum(({ publishedRate }) => publishedRate)} published/s, ${sum(({ handledRate }) => handledRate)} handled/s`,
    `lag ${lag}, pending ${sum(({ pending }) => pending)}`,
    `retries ${totals.retries}, dead letters ${totals.deadLettered}, out of order ${totals.outOfOrder}`,
  ].join(' | ');
}
