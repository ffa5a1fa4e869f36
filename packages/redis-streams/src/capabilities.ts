import type { Capabilities } from '@events/core';
import type { Connection } from './connection.js';
import { RedisFailure } from './failures.js';
import { judgeSettings } from './findings.js';
import { parseInfo, parsePairs, type RedisSettings, readSettings, settingNames } from './redis-settings.js';

/** Commands that some servers have and Redis 7.0 has not. */
const optionalCommands = ['WAITAOF', 'XACKDEL', 'XCFGSET', 'XDELEX', 'XNACK'];
const sections = ['server', 'memory', 'replication', 'persistence', 'cluster'];

/** What is known of a Redis server: what any transport tells, and how the server is set. */
export interface RedisCapabilities extends Capabilities {
  /** The settings that what is promised depends on; `null` for each that may not be asked. */
  readonly settings: RedisSettings;
}

/**
 * Asks the server at `address` what it offers and how it is set. What may not be asked is unknown: a command counts as
 * absent, and a setting is not judged.
 */
export async function probeCapabilities(
  control: Connection,
  withinMs: number,
  address: string,
): Promise<RedisCapabilities> {
  const commands = [
    ...sections.map((section) => ['INFO', section]),
    ['COMMAND', 'INFO', ...optionalCommands],
    ['CONFIG', 'GET', ...settingNames],
  ];
  const replies = (await control.exchange(commands, withinMs)).map(unlessDenied);
  const [infos, configured] = replies.slice(sections.length);
  const about = parseInfo(replies.slice(0, sections.length));
  const engine = about.get('server_name') ?? (about.has('dragonfly_version') ? 'dragonfly' : 'redis');
  const version = about.get(`${engine}_version`) ?? about.get('redis_version') ?? null;
  const settings = readSettings(about, parsePairs(configured));
  return {
    engine,
    version,
    commands: Object.fromEntries(optionalCommands.map((name, index) => [name, hasCommand(infos, index)])),
    evictionPolicy: settings.evictionPolicy,
    settings,
    findings: judgeSettings(settings, address),
  };
}

function unlessDenied(reply: unknown): unknown {
  if (!(reply instanceof RedisFailure)) return reply;
  if (reply.kind === 'denied' || reply.kind === 'invalid') return undefined;
  throw reply;
}

function hasCommand(infos: unknown, index: number): boolean {
  if (!Array.isArray(infos)) return false;
  const info: unknown = infos[index];
  return Array.isArray(info) ? info.length > 0 : info !== null && info !== undefined;
}
