import assert from 'node:assert/strict';
import type { PartitionTable } from '@events/core';
import { until } from '../patience.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const longMs = 60_000;

async function tableOf(stage: Stage, stream: string): Promise<PartitionTable> {
  const table = (await stage.open()).partitionTable(stream);
  stage.atEnd(() => table.close());
  return table;
}

export const partitionTableScenarios: readonly Scenario[] = [
  {
    name: 'partitionTable: the first count is recorded, and everybody is told of it',
    async run(stage) {
      const stream = stage.stream();
      const [one, two] = [await tableOf(stage, stream), await tableOf(stage, stream)];
      assert.deepEqual([await one.agree(8), await two.agree(4), await one.agree(4)], [8, 8, 8]);
      assert.equal(await (await tableOf(stage, stage.stream())).agree(4), 4, 'of another stream there is another one');
    },
  },
  {
    name: 'partitionTable: one of many that record a count at once is the first',
    async run(stage) {
      const stream = stage.stream();
      const tables = await Promise.all([1, 2, 3, 4].map(() => tableOf(stage, stream)));
      const told = await Promise.all(tables.map((table, index) => table.agree(index + 1)));
      assert.equal(new Set(told).size, 1);
    },
  },
  {
    name: 'partitionTable: a count changes only from the one that is recorded',
    async run(stage) {
      const table = await tableOf(stage, stage.stream());
      await table.agree(4);
      assert.deepEqual([await table.change(3, 8), await table.agree(9)], [4, 4]);
      assert.deepEqual([await table.change(4, 8), await table.agree(9)], [8, 8]);
    },
  },
  {
    name: 'partitionTable: announce tells of all the living of the group, sorted, and of nobody else',
    async run(stage) {
      const stream = stage.stream();
      const [one, two] = [await tableOf(stage, stream), await tableOf(stage, stream)];
      assert.deepEqual(await two.announce('group', 'zoe', longMs), ['zoe']);
      assert.deepEqual(await one.announce('group', 'adam', longMs), ['adam', 'zoe']);
      assert.deepEqual(await one.announce('others', 'eve', longMs), ['eve']);
      assert.deepEqual(await two.announce('group', 'zoe', longMs), ['adam', 'zoe']);
      const elsewhere = await tableOf(stage, stage.stream());
      assert.deepEqual(await elsewhere.announce('group', 'zoe', longMs), ['zoe']);
    },
  },
  {
    name: 'partitionTable: who is silent longer than announced is not told of any more, and one who goes on is',
    async run(stage) {
      const stream = stage.stream();
      const [one, two] = [await tableOf(stage, stream), await tableOf(stage, stream)];
      await one.announce('group', 'mortal', 300);
      assert.deepEqual(await two.announce('group', 'other', longMs), ['mortal', 'other']);
      await until('the time of the silent one is over', async () => {
        const alive = await two.announce('group', 'other', 300);
        return alive?.length === 1;
      });
    },
  },
  {
    name: 'partitionTable: withdraw takes a name back at once, and only its own',
    async run(stage) {
      const stream = stage.stream();
      const [one, two] = [await tableOf(stage, stream), await tableOf(stage, stream)];
      await one.announce('group', 'one', longMs);
      await two.announce('group', 'two', longMs);
      await two.withdraw('group', 'one');
      assert.deepEqual(await two.announce('group', 'two', longMs), ['one', 'two']);
      await one.withdraw('group', 'one');
      await one.withdraw('group', 'one');
      assert.deepEqual(await two.announce('group', 'two', longMs), ['two']);
    },
  },
  {
    name: 'partitionTable: a name is one handle’s while it lives',
    async run(stage) {
      const stream = stage.stream();
      const [one, two] = [await tableOf(stage, stream), await tableOf(stage, stream)];
      await one.announce('group', 'name', 400);
      assert.equal(await two.announce('group', 'name', longMs), undefined);
      assert.deepEqual(await one.announce('group', 'name', 400), ['name']);
      await until('the name is free', async () => (await two.announce('group', 'name', longMs)) !== undefined);
      assert.equal(await one.announce('group', 'name', 400), undefined);
    },
  },
  {
    name: 'partitionTable: forgets with the broker, and its verbs fail as closed after close',
    async run(stage) {
      const table = await tableOf(stage, stage.stream());
      await table.agree(4);
      await stage.faults.loseEverything();
      assert.equal(await table.agree(6), 6);
      await table.close();
      await table.close();
      assert.equal(await stage.failureOf(table.agree(6)), 'closed');
      assert.equal(await stage.failureOf(table.announce('group', 'name', 100)), 'closed');
    },
  },
];
