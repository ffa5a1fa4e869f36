import type { BenchOptions } from './options.js';

export type Client = 'ioredis' | 'node-redis';

/** The loop written by hand, the library, or the library without what a case is about. */
export type Side = 'plain' | 'library' | 'without';
export const sides: readonly Side[] = ['plain', 'without', 'library'];

export interface PublishCase {
  readonly kind: 'publish';
  readonly client: Client;
  readonly size: number;
  readonly inFlight: number;
  /** Whether the library side has a zod contract. The plain side never has. */
  readonly validated: boolean;
}

/** What it costs a publisher that its stream is kept within a bound. */
export interface TrimCase {
  readonly kind: 'trim';
  readonly client: Client;
  readonly size: number;
  readonly inFlight: number;
  /** Whether a group reads along, whose unread events stay. */
  readonly hasGroup: boolean;
}

export interface ConsumeCase {
  readonly kind: 'consume';
  readonly client: Client;
  readonly size: number;
  readonly validated: boolean;
}

export interface EndToEndCase {
  readonly kind: 'e2e';
  readonly client: Client;
  readonly size: number;
  readonly inFlight: number;
}

export interface LatencyCase {
  readonly kind: 'latency';
  readonly client: Client;
  readonly size: number;
  readonly perSecond: number;
}

/** Looked at for itself, with the library alone or (`memory`) beside the plain loop. */
export interface BehaviourCase {
  readonly kind: 'trim-turns' | 'idle' | 'stall' | 'frozen' | 'hanging' | 'memory';
  readonly client: Client;
}

export type BenchCase = PublishCase | TrimCase | ConsumeCase | EndToEndCase | LatencyCase | BehaviourCase;
export type Kind = BenchCase['kind'];

export const kinds = [
  'publish',
  'trim',
  'trim-turns',
  'consume',
  'e2e',
  'latency',
  'idle',
  'stall',
  'frozen',
  'hanging',
  'memory',
] as const;
const sizes = [100, 1_024, 16_384] as const;
const inFlights = [1, 64, 1_024] as const;

const quickKinds: readonly Kind[] = ['publish', 'consume', 'e2e', 'latency'];
const behaviourKinds = ['trim-turns', 'idle', 'stall', 'frozen', 'hanging', 'memory'] as const;

/** What is measured, in this order within every round. */
export function casesFor(options: BenchOptions): BenchCase[] {
  const wanted = options.only ?? (options.quick ? quickKinds : kinds);
  return options.clients.flatMap((client) => wanted.flatMap((kind) => casesOf(kind, client, options)));
}

function casesOf(kind: Kind, client: Client, options: BenchOptions): BenchCase[] {
  if (kind === 'publish') return publishCases(client, options);
  if (kind === 'consume') return consumeCases(client, options);
  const common = options.sizes ?? [1_024];
  if (kind === 'trim') {
    return common.flatMap((size) =>
      (options.inFlights ?? [64]).flatMap((inFlight) =>
        [false, true].map((hasGroup) => ({ kind, client, size, inFlight, hasGroup }) as const),
      ),
    );
  }
  if (kind === 'e2e') {
    return common.flatMap((size) =>
      (options.inFlights ?? [64]).map((inFlight) => ({ kind, client, size, inFlight }) as const),
    );
  }
  if (kind === 'latency') {
    const rates = options.quick ? [1_000] : [1_000, 5_000];
    return common.flatMap((size) => rates.map((perSecond) => ({ kind, client, size, perSecond }) as const));
  }
  return behaviourKinds.filter((name) => name === kind).map((name) => ({ kind: name, client }));
}

function publishCases(client: Client, options: BenchOptions): PublishCase[] {
  const chosen = options.sizes !== undefined || options.inFlights !== undefined;
  const cases: PublishCase[] = [];
  for (const size of options.sizes ?? sizes) {
    for (const inFlight of options.inFlights ?? inFlights) {
      const plain: PublishCase = { kind: 'publish', client, size, inFlight, validated: false };
      if (chosen || !options.quick || isQuickPublish(plain)) cases.push(plain);
      if (size === 1_024 && inFlight === 64) cases.push({ ...plain, validated: true });
    }
  }
  return cases;
}

function isQuickPublish({ size, inFlight }: PublishCase): boolean {
  return (
    (size === 100 && inFlight === 1_024) || (size === 1_024 && inFlight !== 1_024) || (size > 1_024 && inFlight === 64)
  );
}

function consumeCases(client: Client, options: BenchOptions): ConsumeCase[] {
  const cases: ConsumeCase[] = [];
  for (const size of options.sizes ?? sizes) {
    cases.push({ kind: 'consume', client, size, validated: false });
    if (size === 1_024) cases.push({ kind: 'consume', client, size, validated: true });
  }
  return cases;
}

/** How a case is called in tables. */
export function nameOf(benchCase: BenchCase): string {
  const { kind, client } = benchCase;
  if (kind === 'publish') {
    return `publish ${client} ${sizeName(benchCase.size)} ×${benchCase.inFlight}${benchCase.validated ? ' zod' : ''}`;
  }
  if (kind === 'trim') {
    const group = benchCase.hasGroup ? ', a group' : ', no group';
    return `trim ${client} ${sizeName(benchCase.size)} ×${benchCase.inFlight}${group}`;
  }
  if (kind === 'consume') return `consume ${client} ${sizeName(benchCase.size)}${benchCase.validated ? ' zod' : ''}`;
  if (kind === 'e2e') return `end to end ${client} ${sizeName(benchCase.size)} ×${benchCase.inFlight}`;
  if (kind === 'latency') return `latency ${client} ${sizeName(benchCase.size)} ${benchCase.perSecond}/s`;
  return `${kind} ${client}`;
}

export function sidesOf(benchCase: BenchCase): readonly Side[] {
  const { kind } = benchCase;
  // trimming blindly takes from the group what it has not read, and nothing to compare with is left
  if (kind === 'trim') return benchCase.hasGroup ? ['without', 'library'] : ['without', 'library', 'plain'];
  const alone = kind === 'trim-turns' || kind === 'idle' || kind === 'stall' || kind === 'frozen' || kind === 'hanging';
  return alone ? ['library'] : ['plain', 'library'];
}

function sizeName(size: number): string {
  return size >= 1_024 ? `${Math.round(size / 1_024)} KiB` : `${size} B`;
}
