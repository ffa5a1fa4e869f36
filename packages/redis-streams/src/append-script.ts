import type { AppendAnswer, FieldValue, NewEntry } from '@events/core';
import type { Command } from './connector.js';
import { argumentOf } from './entry-reader.js';
import { replyFailure, unknownOutcome } from './failures.js';

/** A script stops the server while it runs: not longer than this takes. */
const entriesPerRun = 256;
const charactersPerRun = 256 * 1_024;
/** Lua passes at most about 8,000 values to a command. */
export const mostValuesPerEntry = 7_900;

/**
 * Stores entries, and answers for each with its id, or with its error in an array of one. ARGV are groups of entries of
 * one stream and one length: the number of the key, how many values an entry has, how many entries follow, the values.
 * It is sent as a whole each time: a few hundred bytes for a batch, and no server can have forgotten it.
 */
const text = `local pcall,unpack,type,ARGV=redis.pcall,unpack,type,ARGV
local answers,n,at={},0,1
while at<=#ARGV do
local key,size,count=KEYS[tonumber(ARGV[at])],tonumber(ARGV[at+1]),tonumber(ARGV[at+2])
at=at+3
for _=1,count do
local answer=pcall('XADD',key,'*',unpack(ARGV,at,at+size-1))
n=n+1
answers[n]=type(answer)=='table' and {answer.err} or answer
at=at+size
end
end
return answers`;

/** A run of the script, and how many entries it stores. */
export interface AppendRun {
  readonly command: Command;
  readonly count: number;
}

/** Does nothing, and needs the same permissions. */
export function rehearsal(streams: readonly string[]): Command {
  return ['EVAL', 'return 1', String(streams.length), ...streams];
}

/** The runs that store `entries`, in their order. */
export function appendRuns(entries: readonly NewEntry[]): AppendRun[] {
  const runs: AppendRun[] = [];
  for (let from = 0; from < entries.length; ) {
    const to = endOfRun(entries, from);
    runs.push({ command: appendCommand(entries, from, to), count: to - from });
    from = to;
  }
  return runs;
}

function endOfRun(entries: readonly NewEntry[], from: number): number {
  let characters = 0;
  let to = from;
  while (to < entries.length && to - from < entriesPerRun && (to === from || characters < charactersPerRun)) {
    characters += charactersIn(entries[to] as NewEntry);
    to += 1;
  }
  return to;
}

/** About how many bytes an entry has. */
export function charactersIn({ fields }: NewEntry): number {
  let characters = 0;
  for (let index = 0; index < fields.length; index += 1) characters += (fields[index] as FieldValue).length;
  return characters;
}

function appendCommand(entries: readonly NewEntry[], from: number, to: number): Command {
  const keys: string[] = [];
  const args: (string | Buffer)[] = [];
  let stream: string | undefined;
  let [size, count, countAt] = [0, 0, -1];
  for (let at = from; at < to; at += 1) {
    const entry = entries[at] as NewEntry;
    if (entry.stream !== stream || entry.fields.length !== size) {
      if (countAt >= 0) args[countAt] = String(count);
      ({ stream } = entry);
      size = entry.fields.length;
      count = 0;
      if (!keys.includes(stream)) keys.push(stream);
      args.push(String(keys.indexOf(stream) + 1), String(size), '');
      countAt = args.length - 1;
    }
    for (let index = 0; index < size; index += 1) args.push(argumentOf(entry.fields[index] as FieldValue));
    count += 1;
  }
  args[countAt] = String(count);
  return ['EVAL', text, String(keys.length), ...keys, ...args];
}

/** The answers in the reply to a run. */
export function runAnswers(reply: unknown, count: number): readonly AppendAnswer[] {
  if (Array.isArray(reply) && reply.length === count) return reply.map(answerOf);
  return new Array<AppendAnswer>(count).fill(unknownOutcome('The reply to EVAL has an unknown shape'));
}

function answerOf(answer: unknown): AppendAnswer {
  if (typeof answer === 'string') return answer;
  if (Array.isArray(answer) && typeof answer[0] === 'string') return replyFailure(answer[0]);
  return unknownOutcome('The reply to XADD has an unknown shape');
}
