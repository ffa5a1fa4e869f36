import type { RedisServer } from '@events/tooling-redis';
import { busyMs } from './machine.js';

/** What was used beside the measured processes. */
export interface MeterReading {
  readonly redisCpuUs: number;
  /** Cores that were busy with neither the measured processes, nor Redis, nor this program. */
  readonly foreignCores: number;
}

/** Measures Redis and the machine from `start` to `stop`. */
export class Meter {
  readonly #server: RedisServer;
  readonly #redisCpuUs: number;
  readonly #busyMs = busyMs();
  readonly #own = process.cpuUsage();
  readonly #startedAt = performance.now();

  static async start(server: RedisServer): Promise<Meter> {
    return new Meter(server, await redisCpuUs(server));
  }

  private constructor(server: RedisServer, startUs: number) {
    this.#server = server;
    this.#redisCpuUs = startUs;
  }

  /** `measuredCpuUs` is what the measured processes used meanwhile. */
  async stop(measuredCpuUs: number): Promise<MeterReading> {
    const own = process.cpuUsage(this.#own);
    const busy = busyMs() - this.#busyMs;
    const elapsedMs = performance.now() - this.#startedAt;
    const usedByRedis = (await redisCpuUs(this.#server)) - this.#redisCpuUs;
    const ours = (measuredCpuUs + usedByRedis + own.user + own.system) / 1_000;
    return { redisCpuUs: usedByRedis, foreignCores: Math.max(0, busy - ours) / elapsedMs };
  }
}

async function redisCpuUs(server: RedisServer): Promise<number> {
  const information = String(await server.command('INFO', 'cpu'));
  const seconds = ['used_cpu_sys', 'used_cpu_user'].map((name) =>
    Number(new RegExp(`^${name}:(.+)$`, 'm').exec(information)?.[1]),
  );
  return seconds.reduce((sum, value) => sum + value, 0) * 1_000_000;
}
