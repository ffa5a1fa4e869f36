import { type AppendAnswer, companionKey, type FieldValue, type Idempotency, type NewEntry } from '@events/core';
import { charactersIn, mostValuesPerEntry } from './append-script.js';
import type { Command } from './connector.js';
import { argumentOf } from './entry-reader.js';
import { RedisFailure, replyFailure, unknownOutcome } from './failures.js';
import { idsPerScript } from './scripts.js';

/** A script stops the server while it runs: not longer than this takes. */
const charactersPerRun = 256 * 1_024;
/** At most nine buckets hold marks of one window: five that were begun by time, and four that were full. */
const bucketsPerRing = 10;

/**
 * Stores entries of one stream unless a mark says that their event was stored before, and marks what it stored: the
 * entry first, so that no mark stands for an entry that was refused. KEYS[1] = stream, KEYS[2] = what is known of the
 * buckets, KEYS[3]… = the ring of buckets, each a hash of event ids and entry ids. ARGV[1] = window in ms, ARGV[2] = most
 * marks, ARGV[3] = how many entries, then their event ids, then for each how many values it has, and the values.
 *
 * Time is the server's. A bucket is begun after a quarter of the window, or when it holds a quarter of the marks, and
 * leaves as a whole: when it is outdated, or as the oldest one when there are too many marks. KEYS[2] holds, in turn: since when
 * the marks are complete, the newest bucket's number, then begin and size of each bucket, oldest first (the newest one's
 * size is not kept). Entry ids tell the age of a mark to the millisecond.
 *
 * Answers with the window that is left, or -1 when all of it is; then for each entry its id, or its error in an array of
 * one, or the id of then and 1. Sent as a whole each time: no server can have forgotten it, so that nothing that was sent
 * later is executed earlier.
 */
const text = `local call,pcall,unpack,type,KEYS,ARGV=redis.call,redis.pcall,unpack,type,KEYS,ARGV
local window,most,count=tonumber(ARGV[1]),tonumber(ARGV[2]),tonumber(ARGV[3])
local width,ring=math.ceil(window/4),#KEYS-2
local time=call('TIME')
local now=time[1]*1000+math.floor(time[2]/1000)
local head={}
for part in string.gmatch(call('GET',KEYS[2]) or '','%S+') do head[#head+1]=tonumber(part) end
local complete,newest=head[1] or 0,head[2] or 0
local begins,sizes={},{}
for at=3,#head,2 do
begins[#begins+1]=head[at]
sizes[#sizes+1]=head[at+1]
end
local listed=#begins
local function key(at) return KEYS[3+(newest-#begins+at)%ring] end
local function leave()
call('UNLINK',key(1))
table.remove(begins,1)
table.remove(sizes,1)
end
while #begins>1 and begins[2]<=now-window do leave() end
local known={}
for at=#begins,1,-1 do
local ids=call('HMGET',key(at),unpack(ARGV,4,3+count))
for i=1,count do
local id=ids[i]
if id and not known[ARGV[3+i]] and tonumber(string.match(id,'%d+'))>now-window then known[ARGV[3+i]]=id end
end
end
local answers,marks={-1},{}
local at=4+count
for i=1,count do
local event,size=ARGV[3+i],tonumber(ARGV[at])
local id=known[event]
if id then
answers[1+i]={id,1}
else
local answer=pcall('XADD',KEYS[1],'*',unpack(ARGV,at+1,at+size))
if type(answer)=='table' then
answers[1+i]={answer.err}
else
answers[1+i]=answer
known[event]=answer
marks[#marks+1]=event
marks[#marks+1]=answer
end
end
at=at+size+1
end
local new=#marks/2
if new>0 then
local last,changed=#begins,#begins<listed
local size=last>0 and call('HLEN',key(last)) or 0
local age=last>0 and now-begins[last] or -1
if age<0 or age>=width or size>=most/4 or size+new>most then
if last==ring then
leave()
complete=begins[1]
end
if last>0 then sizes[#sizes]=size end
newest,size,changed=newest+1,0,true
begins[#begins+1]=now
sizes[#sizes+1]=0
call('UNLINK',key(#begins))
end
local total=size+new
for bucket=1,#begins-1 do total=total+sizes[bucket] end
while total>most and #begins>1 do
total=total-sizes[1]
leave()
complete,changed=begins[1],true
end
local first=1
if new>most then first,complete=1+2*(new-most),now end
call('HSET',key(#begins),unpack(marks,first))
if size==0 then call('PEXPIRE',key(#begins),window+width) end
if changed then
local parts={complete,newest}
for bucket=1,#begins do
parts[#parts+1]=begins[bucket]
parts[#parts+1]=sizes[bucket]
end
for part=1,#parts do parts[part]=string.format('%.0f',parts[part]) end
call('SET',KEYS[2],table.concat(parts,' '),'PX',window+width)
end
end
if now-complete<window then answers[1]=math.max(0,now-complete) end
return answers`;

/** A run of the script, and the places of its entries among all of them. */
export interface IdempotentRun {
  readonly command: Command;
  readonly stream: string;
  readonly places: readonly number[];
}

/** What a run answered. */
export interface IdempotentReply {
  readonly answers: readonly AppendAnswer[];
  /** The window that is left, where it had to be cut short. */
  readonly effectiveWindowMs: number | null;
}

/** The runs that store `entries`, those of each stream in their order, and the answers for those that no run can store. */
export function idempotentRuns(
  entries: readonly NewEntry[],
  options: Pick<Idempotency, 'windowMs' | 'maxEntries'>,
): { readonly runs: readonly IdempotentRun[]; readonly refused: ReadonlyMap<number, RedisFailure> } {
  const refused = new Map<number, RedisFailure>();
  const byStream = new Map<string, number[]>();
  for (const [place, { stream, fields }] of entries.entries()) {
    if (fields.length > mostValuesPerEntry) refused.set(place, tooManyValues());
    else if (byStream.has(stream)) byStream.get(stream)?.push(place);
    else byStream.set(stream, [place]);
  }
  const runs: IdempotentRun[] = [];
  for (const [stream, places] of byStream) {
    for (let from = 0; from < places.length; ) {
      const to = endOfRun(entries, places, from);
      const own = places.slice(from, to);
      const command = runCommand(
        stream,
        own.map((place) => entries[place] as NewEntry),
        options,
      );
      runs.push({ command, stream, places: own });
      from = to;
    }
  }
  return { runs, refused };
}

function endOfRun(entries: readonly NewEntry[], places: readonly number[], from: number): number {
  let characters = 0;
  let to = from;
  while (to < places.length && to - from < idsPerScript && (to === from || characters < charactersPerRun)) {
    characters += charactersIn(entries[places[to] as number] as NewEntry);
    to += 1;
  }
  return to;
}

function runCommand(
  stream: string,
  entries: readonly NewEntry[],
  { windowMs, maxEntries }: Pick<Idempotency, 'windowMs' | 'maxEntries'>,
): Command {
  const keys = [stream, ...markKeys(stream, windowMs)];
  const command: (string | Buffer)[] = ['EVAL', text, String(keys.length), ...keys];
  command.push(String(windowMs), String(maxEntries), String(entries.length));
  for (const { id } of entries) command.push(id);
  for (const { fields } of entries) {
    command.push(String(fields.length));
    for (let index = 0; index < fields.length; index += 1) command.push(argumentOf(fields[index] as FieldValue));
  }
  return command;
}

/** No group has an empty name, so none has these keys for its own marks. */
export function markKeys(stream: string, windowMs: number): readonly string[] {
  const head = companionKey(stream, `dedup::${windowMs}`);
  return [head, ...Array.from({ length: bucketsPerRing }, (_, bucket) => `${head}:${bucket}`)];
}

/** What is in the reply to a run. */
export function idempotentReply(run: IdempotentRun, reply: unknown): IdempotentReply {
  const { length } = run.places;
  if (reply instanceof RedisFailure) return { answers: new Array(length).fill(reply), effectiveWindowMs: null };
  if (!Array.isArray(reply) || reply.length !== length + 1) {
    return {
      answers: new Array(length).fill(unknownOutcome('The reply to EVAL has an unknown shape')),
      effectiveWindowMs: null,
    };
  }
  const [window, ...answers] = reply as unknown[];
  return {
    answers: answers.map(answerOf),
    effectiveWindowMs: typeof window === 'number' && window >= 0 ? window : null,
  };
}

function answerOf(answer: unknown): AppendAnswer {
  if (typeof answer === 'string') return answer;
  if (Array.isArray(answer) && typeof answer[0] === 'string') {
    const [first, isKnown] = answer as [string, unknown];
    if (answer.length === 1) return replyFailure(first);
    if (isKnown === 1) return { entryId: first, isDuplicate: true, isDurable: true, replicas: null };
  }
  return unknownOutcome('The reply to XADD has an unknown shape');
}

function tooManyValues(): RedisFailure {
  const cause = new Error(`An entry of more than ${mostValuesPerEntry} names and values cannot be stored idempotently`);
  return new RedisFailure('invalid', cause);
}
