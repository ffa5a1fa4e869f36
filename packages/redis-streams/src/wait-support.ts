import type { Capabilities } from '@events/core';
import { offline, RedisFailure } from './failures.js';

/** Whether the server can say that something is on its disk. It is asked until it said yes: an upgrade may follow. */
export class WaitSupport {
  readonly #capabilities: () => Promise<Capabilities>;
  #asking: Promise<RedisFailure | undefined> | undefined;

  constructor(capabilities: () => Promise<Capabilities>) {
    this.#capabilities = capabilities;
  }

  /** Why nothing may be sent, if so. Callers are answered in the order of their calls, within `withinMs`. */
  obstacle(withinMs: number): Promise<RedisFailure | undefined> {
    this.#asking ??= this.#ask();
    return inTime(this.#asking, withinMs);
  }

  async #ask(): Promise<RedisFailure | undefined> {
    const obstacle = await this.#capabilities().then(obstacleIn, (error: unknown) => notHeard(error));
    if (obstacle !== undefined) this.#asking = undefined;
    return obstacle;
  }
}

function obstacleIn({ commands, engine, version }: Capabilities): RedisFailure | undefined {
  if (commands.WAITAOF === true) return undefined;
  const server = `${engine} ${version ?? 'of an unknown version'}`;
  const cause = `WAITAOF is missing: Redis has it from version 7.2 on, this is ${server}, or it may not be asked (COMMAND)`;
  return new RedisFailure('unsupported', new Error(cause));
}

/** Whatever became of the question: no entry was sent. */
function notHeard(error: unknown): RedisFailure {
  if (error instanceof RedisFailure && error.kind !== 'unknown') return error;
  return offline('Redis did not say what it offers, so nothing was sent');
}

async function inTime(asking: Promise<RedisFailure | undefined>, withinMs: number): Promise<RedisFailure | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<RedisFailure>((resolve) => {
    timer = setTimeout(
      () => resolve(offline('Redis did not say in time what it offers, so nothing was sent')),
      withinMs,
    );
  });
  try {
    return await Promise.race([asking, late]);
  } finally {
    clearTimeout(timer);
  }
}
