import { createHash } from 'node:crypto';
import { companionKey } from '@events/core';
import { mostValuesPerEntry } from './append-script.js';
import type { Connection } from './connection.js';
import { RedisFailure } from './failures.js';
import type { PartitionLease } from './partition-lease.js';
import { decodeArray, decodeEntries, decodeText } from './replies.js';
import { callScript, type ScriptCall } from './run-script.js';
import { deadLetter, owns, settle, storeLetter } from './scripts.js';

/** How long a copy whose entry is still pending is known to be one. Afterwards a further attempt leaves a second copy. */
const markLifeMs = 60 * 60 * 1_000;

/** Where an entry is moved from and to: the same connection, or in a cluster two where their slots differ. */
export interface DeadLetterWay {
  readonly control: Connection;
  readonly letters: Connection;
  readonly partition: PartitionLease;
}

/** Moves the entry that `call` names: in one script, where one server has both. */
export async function moveToDeadLetters(
  way: DeadLetterWay,
  call: ScriptCall,
  withinMs: number,
): Promise<'moved' | 'not-owned' | 'vanished'> {
  if (way.control !== way.letters) return moveInTwoSteps(way, call, withinMs);
  const reply = decodeText(await way.partition.call(way.control, deadLetter, call, withinMs), 'EVALSHA');
  if (reply === 'moved' || reply === 'not-owned' || reply === 'vanished') return reply;
  return moveInTwoSteps(way, call, withinMs);
}

// Another slot, or more fields than a script can hand to XADD: stored first, acknowledged second. In between, a crash
// leaves a copy, never a gap; whoever comes next finds it by its mark, unless it is too large for a script.
async function moveInTwoSteps(
  { control, letters, partition }: DeadLetterWay,
  call: ScriptCall,
  withinMs: number,
): Promise<'moved' | 'not-owned' | 'vanished'> {
  const [stream = '', retryKey = '', target = ''] = call.keys;
  const [group = '', consumer = '', id = '', ...provenance] = call.args;
  // a former owner must not leave a copy either
  if (partition.isFence) {
    await partition.call(control, owns, { keys: [stream], args: [group, consumer, id] }, withinMs);
  }
  const commands = [
    ['XPENDING', stream, group, id, id, '1', consumer],
    ['XRANGE', stream, id, id],
  ];
  const [pending, reply] = await control.exchange(commands, withinMs, 'bytes');
  if (pending instanceof RedisFailure) throw pending;
  if (reply instanceof RedisFailure) throw reply;
  if (decodeArray(pending, 'XPENDING').length === 0) return 'not-owned';
  const [entry] = decodeEntries(decodeArray(reply, 'XRANGE'), 'XRANGE');
  if (entry?.fields) {
    const fields = entry.fields as readonly Buffer[];
    const values = [...fields, ...provenance];
    if (values.length > mostValuesPerEntry) await letters.command(['XADD', target, '*', ...values], withinMs);
    else {
      const keys = [target, markOf(target, [stream, String(group), String(id)], fields)];
      await callScript(letters, storeLetter, { keys, args: [String(markLifeMs), ...values] }, withinMs);
    }
  }
  const settled = await partition.call(
    control,
    settle,
    { keys: [stream, retryKey], args: [group, consumer, id] },
    withinMs,
  );
  if (settled !== 1) return 'not-owned';
  return entry?.fields ? 'moved' : 'vanished';
}

// The fields are part of it: a stream that was lost and filled again may give an id a second time.
function markOf(target: string, origin: readonly string[], fields: readonly Buffer[]): string {
  const hash = createHash('sha1').update(JSON.stringify(origin));
  for (const field of fields) hash.update(`${field.length}:`).update(field);
  return companionKey(target, `dedup::letter:${hash.digest('hex')}`);
}
