import type { AppendAnswer, Durability, Stored } from '@events/core';
import type { Command } from './connector.js';
import { RedisFailure } from './failures.js';

/** How far the entries of one exchange have come. */
export interface Reach {
  readonly isDurable: boolean;
  /** How many replicas have acknowledged them; `null` when nobody said. */
  readonly replicas: number | null;
}

const unheardOf: Reach = { isDurable: false, replicas: null };

/**
 * The command that waits until what was sent before it, on the same connection, is as durable as asked for. Its place is
 * at the end of the same write: elsewhere it would wait for something else, and in a transaction or a script not at all.
 * `sharers` writes to the same server share the time.
 */
export function waitCommand(durability: Durability, sharers = 1): Command | undefined {
  if (durability.level === 'leader') return undefined;
  // 0 would wait for ever
  const timeoutMs = String(Math.max(1, Math.floor(durability.timeoutMs / sharers)));
  const replicas = String(durability.replicas);
  return durability.level === 'fsync' ? ['WAITAOF', '1', replicas, timeoutMs] : ['WAIT', replicas, timeoutMs];
}

/** What the reply to that command says. Any other reply, or none, says nothing: the entries are stored all the same. */
export function reachOf(durability: Durability, reply: unknown): Reach {
  if (durability.level === 'leader' || reply instanceof RedisFailure) return unheardOf;
  const [local, replicas] = durability.level === 'replicas' ? [1, reply] : Array.isArray(reply) ? reply : [];
  if (!Number.isInteger(local) || !Number.isInteger(replicas)) return unheardOf;
  return { isDurable: local >= 1 && replicas >= durability.replicas, replicas };
}

/** The answers, with how far what is stored has come. */
export function answersWithin(reach: Reach, answers: readonly AppendAnswer[]): readonly AppendAnswer[] {
  return answers.map((answer): AppendAnswer => {
    if (typeof answer === 'string') return { entryId: answer, isDuplicate: false, ...reach } satisfies Stored;
    return 'entryId' in answer ? { ...answer, ...reach } : answer;
  });
}
