import type { RedisReply, RedisServer } from '@events/tooling-redis';

/** What a server has spent on one kind of command, since it started. */
export interface CommandCost {
  readonly calls: number;
  readonly us: number;
}

/** What a server has spent. */
export interface ServerCost {
  readonly cpuUs: number;
  /** Adding entries; with `MAXLEN`, trimming with it. */
  readonly xadd: CommandCost;
  /** Within scripts, where the library trims. */
  readonly xtrim: CommandCost;
  /** All scripts with what they call: those that trim, and those by which consumers give signs of life. */
  readonly scripts: CommandCost;
  /** The longest of them. */
  readonly longestScriptUs: number;
}

const slowerThanUs = 500;
const mostSlow = 10_000;

/** Has `server` note what takes long. */
export async function noteSlowScripts(server: RedisServer): Promise<void> {
  await server.command('CONFIG', 'SET', 'slowlog-log-slower-than', slowerThanUs, 'slowlog-max-len', mostSlow);
}

export async function costOf(server: RedisServer): Promise<ServerCost> {
  const [stats, cpu] = await Promise.all([
    server.command('INFO', 'commandstats').then(String),
    server.command('INFO', 'cpu').then(String),
  ]);
  const seconds = (name: string) => Number(new RegExp(`^${name}:(.+)$`, 'm').exec(cpu)?.[1]);
  const of = (command: string) => costIn(stats, command);
  return {
    cpuUs: (seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1e6,
    xadd: of('xadd'),
    xtrim: of('xtrim'),
    scripts: of('evalsha'),
    longestScriptUs: longestScript(await server.command('SLOWLOG', 'GET', mostSlow)),
  };
}

function costIn(stats: string, command: string): CommandCost {
  const [, calls = 0, us = 0] = new RegExp(`^cmdstat_${command}:calls=(\\d+),usec=(\\d+)`, 'm').exec(stats) ?? [];
  return { calls: Number(calls), us: Number(us) };
}

function longestScript(log: RedisReply): number {
  const rows = (log as RedisReply[]).map((row) => row as RedisReply[]);
  const scripts = rows.filter(([, , , words]) => /^evalsha$/i.test(String((words as RedisReply[])[0])));
  return scripts.reduce((longest, [, , us]) => Math.max(longest, Number(us)), 0);
}
