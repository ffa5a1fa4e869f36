import type { Connection } from './connection.js';
import { RedisFailure } from './failures.js';
import { decodeArray, decodeEntries, decodeText } from './replies.js';
import { callScript, type ScriptCall } from './run-script.js';
import { deadLetter, settle } from './scripts.js';

/** Moves the entry that `call` names, in one script. */
export async function moveToDeadLetters(
  control: Connection,
  call: ScriptCall,
  withinMs: number,
): Promise<'moved' | 'not-owned' | 'vanished'> {
  const reply = decodeText(await callScript(control, deadLetter, call, withinMs), 'EVALSHA');
  if (reply === 'moved' || reply === 'not-owned' || reply === 'vanished') return reply;
  return moveInTwoSteps(control, call, withinMs);
}

// More fields than a script can hand to XADD: stored first, acknowledged second. In between, a crash leaves a copy, never a gap.
async function moveInTwoSteps(
  control: Connection,
  call: ScriptCall,
  withinMs: number,
): Promise<'moved' | 'not-owned' | 'vanished'> {
  const [stream = '', retryKey = '', target = ''] = call.keys;
  const [group = '', consumer = '', id = '', ...provenance] = call.args;
  const [reply] = await control.exchange([['XRANGE', stream, id, id]], withinMs, 'bytes');
  if (reply instanceof RedisFailure) throw reply;
  const [entry] = decodeEntries(decodeArray(reply, 'XRANGE'), 'XRANGE');
  if (entry?.fields) {
    await control.command(['XADD', target, '*', ...(entry.fields as readonly Buffer[]), ...provenance], withinMs);
  }
  const settled = await callScript(
    control,
    settle,
    { keys: [stream, retryKey], args: [group, consumer, id] },
    withinMs,
  );
  if (settled !== 1) return 'not-owned';
  return entry?.fields ? 'moved' : 'vanished';
}
