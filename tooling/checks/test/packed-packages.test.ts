// What users get: the packages as they are packed, not as they lie here.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { ConsumerProject } from './support/consumer-project.js';
import { packPublishable } from './support/pack.js';
import { publishable, readManifest, repositoryRoot } from './support/repository.js';

const names = publishable.map(({ manifest }) => manifest.name);
const clients = [
  ['redis-ioredis', 'ioredis'],
  ['redis-node', 'redis'],
].map(([adapter, client]) => {
  const installed = join(repositoryRoot, `packages/${adapter}/node_modules/${client}`);
  return `${client}@${readManifest(installed).version}`;
});

/** What a user's compiler must take, and what it must refuse, by the types that are published. */
const contractsProgram = `
import { cloudEventsCodec } from '@events/codec-cloudevents';
import { msgpackCodec } from '@events/codec-msgpack';
import { describeContracts } from '@events/contracts';
import { defineEvents, EventConsumer, type EventOutput, EventPublisher, versioned } from '@events/core';
import { MemoryTransport } from '@events/memory';
import { predicateValidator } from '@events/validator-custom';
import { valibotValidator } from '@events/validator-valibot';
import { zodValidator } from '@events/validator-zod';
import * as v from 'valibot';
import { z } from 'zod';

const events = defineEvents({
  'order.placed': versioned(z.object({ total: z.number() })).next(
    zodValidator(z.object({ cents: z.number(), at: z.string().transform((text) => new Date(text)) })),
    ({ total }) => ({ cents: total.toFixed.length, at: '' }),
  ),
  'order.paid': valibotValidator(v.object({ orderId: v.string() }), { strictMode: 'refuse' }),
  'order.counted': predicateValidator((data): data is number => typeof data === 'number'),
});
const placed: EventOutput<typeof events, 'order.placed'> = { cents: 1, at: new Date() };
// @ts-expect-error: the output, not the input
const wrong: EventOutput<typeof events, 'order.placed'> = { cents: 1, at: '2026' };
const transport = new MemoryTransport();
const publisher = new EventPublisher({
  transport, events, source: 'x', codec: msgpackCodec, compression: true,
  validation: { strictMode: 'strip', validator: [zodValidator, valibotValidator], customValidator: ({ key }) => key !== '' },
});
const consumer = new EventConsumer({
  transport, events, stream: 'x', group: 'x', codecs: [msgpackCodec, cloudEventsCodec],
  onNewerVersion: 'stop', validation: { onInvalid: 'deliver' },
});
consumer.subscribe('order.*', (event) => {
  if (event.type === 'order.placed') event.data.at.getTime();
  else if (event.type === 'order.paid') event.data.orderId.length;
  else event.data.toFixed();
  // @ts-expect-error: not every one of them has it
  event.data.cents;
});
// @ts-expect-error: no such type
consumer.subscribe('order.lost', () => {});
async function publish() {
  await publisher.publish('order.placed', { cents: 1, at: '2026' });
  // @ts-expect-error: the first version is not published any more
  await publisher.publish('order.placed', { total: 1 });
  // @ts-expect-error: no such option of a publisher
  new EventPublisher({ transport, source: 'x', validation: { onInvalid: 'stop' } });
  return [placed, wrong, describeContracts(events).events];
}
export { publish };
`.split('\n');

let directory = '';
let tarballs: ReadonlyMap<string, string> = new Map();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'events-packed-packages-'));
  tarballs = await packPublishable(directory);
}, 60_000);

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe.each(names)('%s', (name) => {
  const readTarball = async (): Promise<Buffer<ArrayBuffer>> => readFile(tarballs.get(name) ?? '');

  test('publint finds nothing', async () => {
    const { buffer, byteOffset, byteLength } = await readTarball();
    const tarball = buffer.slice(byteOffset, byteOffset + byteLength);
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  test('its types are right for every way of resolving them', async () => {
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(await readTarball())));
    expect(result.types).not.toBe(false);
    expect('problems' in result ? result.problems : []).toEqual([]);
  });
});

describe('installed with npm', () => {
  const projects = {
    module: new ConsumerProject('module-project', 'module'),
    commonjs: new ConsumerProject('commonjs-project', 'commonjs'),
    jest: new ConsumerProject('jest-project', 'commonjs'),
  };
  const typedProgram = names.map(
    (name, index) => `import * as package${index} from '${name}';\nexport { package${index} };`,
  );

  beforeAll(async () => {
    const packages = [...tarballs.values(), ...clients];
    await Promise.all(Object.values(projects).map((project) => project.install(directory, packages)));
  }, 120_000);

  test('an ES module project imports every package, with types', async () => {
    await projects.module.write(
      'main.js',
      printExports((name) => `await import('${name}')`),
    );
    await expectExports(await projects.module.run('node main.js'));
    await projects.module.checkTypes('main.ts', typedProgram);
  });

  test('a CommonJS project requires every package, with types', async () => {
    await projects.commonjs.write(
      'main.js',
      printExports((name) => `require('${name}')`),
    );
    await expectExports(await projects.commonjs.run('node main.js'));
    await projects.commonjs.checkTypes('main.ts', typedProgram);
  });

  test.each(['module', 'commonjs'] as const)(
    'contracts type what a %s project publishes and handles',
    async (format) => {
      await projects[format].checkTypes('contracts.ts', contractsProgram);
    },
  );

  test('a Jest project without any configuration requires every package', async () => {
    const cases = names.map((name) => `test('${name}', () => { expect(require('${name}')).toBeTruthy(); });`);
    await projects.jest.write('packages.test.js', cases.join('\n'));
    const jest = JSON.stringify(join(repositoryRoot, 'node_modules/jest/bin/jest.js'));
    expect(await projects.jest.run(`node ${jest} --rootDir .`)).toContain(`${names.length} passed`);
  });

  function printExports(load: (name: string) => string): string {
    const loaded = names.map((name) => `'${name}': Object.keys(${load(name)})`);
    return `console.log(JSON.stringify({ ${loaded.join(', ')} }));`;
  }

  /** Every package exports what its source does, in either format. */
  async function expectExports(output: string): Promise<void> {
    const exported = JSON.parse(output) as Record<string, readonly string[]>;
    for (const { path, manifest } of publishable) {
      const source = (await import(join(repositoryRoot, path, 'src/index.ts'))) as object;
      const found = exported[manifest.name]?.filter((key) => key !== '__esModule').sort();
      expect([manifest.name, found]).toEqual([manifest.name, Object.keys(source).sort()]);
    }
  }
});
