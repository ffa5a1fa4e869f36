import { once } from 'node:events';
import type { RedisStreamsTransport, RedisTransportOptions } from '@events/redis-streams';

// Opens everything, closes it, and does not call process.exit. argv: where the adapter is, options, what to close.
const [, , entry = '', options = '', what = ''] = process.argv;
const { RedisTransport } = (await import(entry)) as {
  RedisTransport: new (options: RedisTransportOptions) => RedisStreamsTransport;
};
const transport = new RedisTransport(JSON.parse(options) as RedisTransportOptions);
const appender = transport.appender({ durability: { level: 'leader' }, idempotency: undefined });
const subscription = transport.subscription({ stream: 'orders', group: 'group', consumer: 'one' });

if (what === 'unreachable') {
  await Promise.allSettled([
    transport.connect(),
    appender.append([{ stream: 'orders', id: 'any', fields: ['a', 'b'] }], 100),
  ]);
} else {
  await transport.connect();
  await appender.append([{ stream: 'orders', id: 'any', fields: ['a', 'b'] }], 2_000);
  await subscription.ensureGroup('beginning');
  await subscription.register(60_000);
  await subscription.read(10, 1_000);
}
if (what === 'frozen') {
  process.stdout.write('opened\n');
  await once(process.stdin, 'data');
}
process.stdin.destroy();
if (what === 'handles') await Promise.all([appender.close(), subscription.close()]);
else await transport.close();
process.stdout.write('closed\n');
