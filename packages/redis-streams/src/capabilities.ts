import type { Capabilities } from '@events/core';
import type { Connection } from './connection.js';
import { RedisFailure } from './failures.js';

/** Commands that some servers have and Redis 7.0 has not. */
const optionalCommands = ['WAITAOF', 'XACKDEL', 'XCFGSET', 'XDELEX', 'XNACK'];

/** Asks the server what it offers. What may not be asked is unknown, and counts as absent. */
export async function probeCapabilities(control: Connection, withinMs: number): Promise<Capabilities> {
  const commands = [
    ['INFO', 'server'],
    ['INFO', 'memory'],
    ['COMMAND', 'INFO', ...optionalCommands],
  ];
  const [server, memory, infos] = (await control.exchange(commands, withinMs)).map(unlessDenied);
  const about = parseInfo(server);
  const engine = about.get('server_name') ?? (about.has('dragonfly_version') ? 'dragonfly' : 'redis');
  return {
    engine,
    version: about.get(`${engine}_version`) ?? about.get('redis_version') ?? null,
    commands: Object.fromEntries(optionalCommands.map((name, index) => [name, hasCommand(infos, index)])),
    evictionPolicy: parseInfo(memory).get('maxmemory_policy') ?? null,
  };
}

function unlessDenied(reply: unknown): unknown {
  if (!(reply instanceof RedisFailure)) return reply;
  if (reply.kind === 'denied' || reply.kind === 'invalid') return undefined;
  throw reply;
}

function parseInfo(reply: unknown): ReadonlyMap<string, string> {
  const lines = typeof reply === 'string' ? reply.split('\r\n') : [];
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}

function hasCommand(infos: unknown, index: number): boolean {
  if (!Array.isArray(infos)) return false;
  const info: unknown = infos[index];
  return Array.isArray(info) ? info.length > 0 : info !== null && info !== undefined;
}
