import { expect, test } from '@jest/globals';
import { HeldStreams } from '../src/held-streams.js';
import { OutgoingEvent } from '../src/outgoing-event.js';

function event(type: string): OutgoingEvent {
  const nobody = () => {};
  return new OutgoingEvent('orders', [], type, type, undefined, 1, nobody, nobody);
}

test('what was settled while its stream was held back is let go of, wherever it waited', () => {
  const batch = { number: 1, events: [], deadlineMs: 0 };
  const held = new HeldStreams({
    underWay: new Set([batch]),
    retryUnknown: false,
    onOvertaken: () => {},
    onRelease: () => {},
    recover: async () => {},
  });
  const events = ['refused', 'waiting', 'also waiting'].map(event);
  const [refused, waiting, alsoWaiting] = events as [OutgoingEvent, OutgoingEvent, OutgoingEvent];
  held.retry(refused);
  expect([held.keep(waiting), held.keep(alsoWaiting)]).toEqual([true, true]);
  refused.settled = true;
  waiting.settled = true;
  held.forgetSettled();
  const kept: OutgoingEvent[] = [];
  held.forEach((some) => void kept.push(some));
  expect(kept).toEqual([alsoWaiting]);
  held.close();
});
