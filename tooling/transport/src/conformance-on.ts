import { type TestFunction, type TransportHarness, transportConformance } from '@events/conformance';
import { test } from '@jest/globals';

/** What a short run plays: what servers that change, keys in several slots, and replicas make a difference to. */
const shortTopics: readonly string[] = [
  'connect',
  'durability',
  'interruptRead',
  'fence',
  'deadLetter',
  'killed connections',
  'restart',
  'everything lost',
  'publish',
  'publishBatch',
  'consume',
  'dead letter',
  'group lost',
  'the harness closes',
];

/** Plays the whole conformance suite where EVENTS_CONFORMANCE is `all`, and otherwise a part of it, and says what it left out. */
export function conformanceOn(harness: TransportHarness): void {
  if (process.env.EVENTS_CONFORMANCE === 'all') return void transportConformance({ test }, harness);
  const played = new Set<string>();
  const leftOut: string[] = [];
  const testSome: TestFunction = (name, run, timeoutMs) => {
    const topic = topicOf(name.slice(`${harness.name}: `.length));
    if (!shortTopics.includes(topic)) return void leftOut.push(topic);
    played.add(topic);
    test(name, run, timeoutMs);
  };
  transportConformance({ test: testSome }, harness);
  const unknown = shortTopics.filter((topic) => !played.has(topic));
  if (unknown.length > 0) throw new Error(`The conformance suite has nothing about ${unknown.join(', ')}`);
  const about = `${leftOut.length} tests of the conformance suite, about ${[...new Set(leftOut)].join(', ')}`;
  process.stderr.write(`${harness.name}: left out ${about}. All of it: npm run conformance -- --all\n`);
}

/** What the name of a test says before its promise. */
function topicOf(name: string): string {
  return name.split(':', 1)[0] ?? '';
}
