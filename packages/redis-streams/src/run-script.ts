import type { Connection } from './connection.js';
import type { Command } from './connector.js';
import { RedisFailure, replyCodeOf } from './failures.js';
import type { Script } from './scripts.js';

/** One run of a script. */
export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
}

/** Runs `script` once for each of `calls`, in one write. Every answer is a reply or a `RedisFailure`. */
export async function runScript(
  connection: Connection,
  script: Script,
  calls: readonly ScriptCall[],
  withinMs: number,
): Promise<readonly unknown[]> {
  const replies = await connection.exchange(
    calls.map((call) => evaluation('EVALSHA', script.sha1, call)),
    withinMs,
  );
  const unknownScript = calls.filter((_, index) => isUnknownScript(replies[index]));
  if (unknownScript.length === 0) return replies;
  // NOSCRIPT says that nothing was executed, so this is the first execution
  const again = await connection.exchange(
    unknownScript.map((call) => evaluation('EVAL', script.text, call)),
    withinMs,
  );
  let next = 0;
  return replies.map((reply) => (isUnknownScript(reply) ? again[next++] : reply));
}

/** As `runScript` for one call: resolves with its reply, or rejects. */
export async function callScript(
  connection: Connection,
  script: Script,
  call: ScriptCall,
  withinMs: number,
): Promise<unknown> {
  const [reply] = await runScript(connection, script, [call], withinMs);
  if (reply instanceof RedisFailure) throw reply;
  return reply;
}

function evaluation(command: 'EVAL' | 'EVALSHA', script: string, call: ScriptCall): Command {
  return [command, script, String(call.keys.length), ...call.keys, ...call.args];
}

function isUnknownScript(reply: unknown): boolean {
  return replyCodeOf(reply) === 'NOSCRIPT';
}
