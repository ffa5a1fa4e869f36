import { type TransportHarness, transportConformance } from '@events/conformance';
import type { Transport } from '@events/core';
import { expect, test } from '@jest/globals';

interface Defined {
  readonly name: string;
  readonly run: () => Promise<void>;
  readonly timeoutMs: number | undefined;
}

/** A transport that can do nothing, and says so at once. */
const helpless: Transport = {
  retryPolicy: { strategy: 'failfast', maxRetries: 0 },
  connect: refuse,
  capabilities: refuse,
  appender: () => ({ append: async (entries) => entries.map(() => refusal), close: async () => {} }),
  subscription: () => ({
    ensureGroup: refuse,
    register: refuse,
    own: refuse,
    progress: refuse,
    disown: refuse,
    takeOver: refuse,
    read: refuse,
    interruptRead: refuse,
    claim: refuse,
    owned: refuse,
    fetch: refuse,
    start: refuse,
    keepAlive: refuse,
    acknowledge: refuse,
    handled: refuse,
    postpone: refuse,
    deadLetter: refuse,
    release: refuse,
    close: async () => {},
  }),
  inspector: () => ({
    // biome-ignore lint/correctness/useYield: it refuses before there is a page
    async *keys() {
      await refuse();
    },
    memory: refuse,
    describe: refuse,
    range: refuse,
    fetch: refuse,
    count: refuse,
    pending: refuse,
    consumers: refuse,
    close: async () => {},
  }),
  janitor: () => ({
    takeTurn: refuse,
    endTurn: refuse,
    survey: refuse,
    trim: refuse,
    removeGroup: refuse,
    removeConsumer: refuse,
    seal: refuse,
    changeSeal: refuse,
    close: async () => {},
  }),
  partitionTable: () => ({
    agree: refuse,
    change: refuse,
    announce: refuse,
    withdraw: refuse,
    close: async () => {},
  }),
  classify: () => refusal,
  onFailover: () => () => {},
  close: async () => {},
};

const refusal = { kind: 'denied', cause: new Error('It can do nothing') } as const;

async function refuse(): Promise<never> {
  throw refusal.cause;
}

function harness(): TransportHarness & { isClosed: boolean } {
  const faults = {
    killConnections() {},
    restart() {},
    freeze() {},
    thaw() {},
    loseEverything() {},
    putForeignEntry: () => '1-1',
  };
  return {
    name: 'helpless',
    replicas: 0,
    isClosed: false,
    open: () => helpless,
    faults,
    close() {
      this.isClosed = true;
    },
  };
}

function definedFor(subject: TransportHarness): readonly Defined[] {
  const tests: Defined[] = [];
  transportConformance({ test: (name, run, timeoutMs) => tests.push({ name, run, timeoutMs }) }, subject);
  return tests;
}

test('every test has a name of its own, a time limit, and a function that any runner can call', () => {
  const tests = definedFor(harness());
  expect(tests.length).toBeGreaterThan(150);
  expect(new Set(tests.map(({ name }) => name)).size).toBe(tests.length);
  for (const { name, run, timeoutMs } of tests) {
    expect(name).toMatch(/^helpless: ./);
    // jest takes a function with a parameter for one that calls back
    expect([run.length, timeoutMs]).toEqual([0, 30_000]);
  }
});

test('the last test closes the harness', async () => {
  const subject = harness();
  await definedFor(subject).at(-1)?.run();
  expect(subject.isClosed).toBe(true);
});

test('hardly a test is green on a transport that can do nothing', async () => {
  const tests = definedFor(harness()).slice(0, -1);
  const outcomes = await Promise.all(
    tests.map(async ({ name, run }) =>
      run().then(
        () => name,
        () => undefined,
      ),
    ),
  );
  expect(outcomes.filter((name) => name !== undefined)).toEqual([
    'helpless: retryPolicy: names a strategy and a number of retries',
    'helpless: classify: never throws, whatever it is given',
    'helpless: close: handles that were never used close as well',
    'helpless: transport.close: twice, or before anything was opened, is harmless',
    'helpless: append: answers no entries with no answers',
    'helpless: append: a failure tells nothing of what was to be stored',
  ]);
}, 60_000);
