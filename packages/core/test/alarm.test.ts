import { expect, test } from '@jest/globals';
import { Alarm } from '../src/alarm.js';
import { elapse, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

test('tells of what lasts for a second, once, and of its end once that has lasted for a second', async () => {
  const told: boolean[] = [];
  const alarm = new Alarm((isOn) => void told.push(isOn));
  for (let round = 0; round < 20; round += 1) {
    alarm.set(round % 2 === 0);
    await elapse(300);
  }
  expect(told).toEqual([]);
  alarm.set(true);
  await elapse(1_000);
  expect(told).toEqual([true]);
  for (let round = 0; round < 20; round += 1) {
    alarm.set(round % 2 === 1);
    await elapse(300);
  }
  expect(told).toEqual([true]);
  alarm.set(false);
  await elapse(1_000);
  expect(told).toEqual([true, false]);
  alarm.set(true);
  alarm.end();
  await elapse(5_000);
  expect(told).toEqual([true, false]);
});
