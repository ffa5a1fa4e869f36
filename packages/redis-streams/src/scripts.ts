import { createHash } from 'node:crypto';

/** A script of constant text. All keys it touches are given as KEYS; it writes before it acknowledges. */
export interface Script {
  readonly text: string;
  readonly sha1: string;
}

/** No run of a script takes more ids: a script stops the whole server while it runs. */
export const idsPerScript = 50;

/** An idle time that no live or crashed consumer's entry reaches: it says that its last owner handed the entry back. */
export const releasedIdleMs = 365 * 24 * 60 * 60 * 1_000;

/** A script of this text. */
export function script(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}

/** Gives scripts `now`, the server's time in Unix ms. */
export const readClock = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

const fencedScripts = new Map<Script, Script>();

/**
 * `script`, done only while the lease on a partition is still this handle's. After the keys of the script itself comes
 * the lease's key, after its arguments the handle's name and its fencing token. A lease that was lost whole, as by an
 * older copy of the data, was taken by nobody.
 */
export function fenced(unfenced: Script): Script {
  let known = fencedScripts.get(unfenced);
  if (known === undefined) {
    known = script(`
local lease = redis.call('HMGET', KEYS[#KEYS], 'owner', 'token')
if lease[2] and (lease[1] ~= ARGV[#ARGV - 1] or lease[2] ~= ARGV[#ARGV]) then
  return redis.error_reply('FENCED another consumer has taken the partition')
end
KEYS[#KEYS] = nil
ARGV[#ARGV] = nil
ARGV[#ARGV] = nil
${unfenced.text}`);
    fencedScripts.set(unfenced, known);
  }
  return known;
}

/**
 * Takes or renews the lease KEYS[1] on a partition for the handle ARGV[1], for ARGV[3] ms. ARGV[2] = its token if it has
 * been given one and wants to keep it. The token grows with every new owner, and `reads` counts what may not be
 * executed late. KEYS[2] = signs of life, of which it leaves one of the group ARGV[4] and its consumer ARGV[5]. Answers the
 * token, or 0 = somebody else has the lease.
 */
export const own = script(`${readClock}
local lease = redis.call('HMGET', KEYS[1], 'owner', 'token', 'until')
local isOurs = lease[1] == ARGV[1]
local token = lease[2]
if ARGV[2] ~= '' and token and not (isOurs and token == ARGV[2]) then
  return redis.error_reply('FENCED another consumer has taken the partition')
end
if lease[1] and lease[1] ~= '' and not isOurs and tonumber(lease[3]) > now then return 0 end
if not token and ARGV[2] ~= '' then
  token = ARGV[2]
  redis.call('HSET', KEYS[1], 'token', token)
elseif not isOurs then
  token = redis.call('HINCRBY', KEYS[1], 'token', 1)
  redis.call('HDEL', KEYS[1], 'reads')
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', string.format('%.0f', now + ARGV[3]))
local sign = string.format('%.0f', now)
redis.call('HSET', KEYS[2], ARGV[4], sign, ARGV[4] .. ' ' .. ARGV[5], sign)
return tostring(token)`);

/** Gives up the lease KEYS[1] of the handle ARGV[1] with the token ARGV[2]. The token stays, so that the next is higher. */
export const disown = script(`
local lease = redis.call('HMGET', KEYS[1], 'owner', 'token')
if lease[1] == ARGV[1] and lease[2] == ARGV[2] then redis.call('HSET', KEYS[1], 'owner', '', 'until', '0') end
return 1`);

/**
 * Reads up to ARGV[3] new entries, if no \`takeOver\` from the beginning (ARGV[4] = how many there were) has come between.
 * KEYS[2] = the lease. Answers the entries, and where to wait for more: the last id that the stream has given out.
 */
export const readOwned = script(`
local reads = redis.call('HGET', KEYS[2], 'reads')
if reads and reads ~= ARGV[4] then
  return redis.error_reply('FENCED the read comes too late')
end
local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
if read then return {read[1][2], ''} end
local about = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #about, 2 do
  if about[i] == 'last-generated-id' then return {{}, about[i + 1]} end
end`);

/**
 * Takes over up to ARGV[4] entries after the id ARGV[3], whoever owns them. KEYS[2] = retry records, KEYS[3] = the lease,
 * ARGV[5] = how many times this began at the beginning. Answers as \`claim\` does, without cursors.
 */
export const takeOver = script(`
redis.call('HSET', KEYS[3], 'reads', ARGV[5])
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '(' .. ARGV[3], '+', ARGV[4])
if #pending == 0 then return {{}, {}} end
local command = {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], '0'}
local ids = {}
for i = 1, #pending do
  ids[i] = pending[i][1]
  command[#command + 1] = ids[i]
end
command[#command + 1] = 'JUSTID'
local claimed = {}
for _, id in ipairs(redis.call(unpack(command))) do claimed[id] = true end
local records = redis.call('HMGET', KEYS[2], unpack(ids))
local entries, vanished = {}, {}
for i = 1, #ids do
  if claimed[ids[i]] then
    entries[#entries + 1] = {ids[i], pending[i][4], pending[i][3], records[i]}
  else
    vanished[#vanished + 1] = ids[i]
    redis.call('HDEL', KEYS[2], ids[i])
  end
end
return {entries, vanished}`);

/** KEYS[1] = stream, ARGV[1] = group, ARGV[2] = consumer. Raises NOGROUP when the stream or its group is missing. */
const ownership = `
local function owned(id)
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  return pending and pending[2] == ARGV[2]
end`;

/**
 * Up to ARGV[4] entries that the consumer owns, with ids after ARGV[3]: id, delivery count, idle time and retry record
 * (KEYS[2]) of each. One step, so that its answer says how things were at one moment.
 */
export const owned = script(`
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '(' .. ARGV[3], '+', ARGV[4], ARGV[2])
if #pending == 0 then return {} end
local ids = {}
for i = 1, #pending do ids[i] = pending[i][1] end
local records = redis.call('HMGET', KEYS[2], unpack(ids))
local entries = {}
for i = 1, #pending do entries[i] = {ids[i], pending[i][4], pending[i][3], records[i]} end
return entries`);

/** Sets the idle time (ARGV[3]) of owned entries (ARGV[4]…). Answers with the ids that are still owned. KEYS[2] = retry records. */
export const setIdle = script(`${ownership}
local mine = {}
for i = 4, #ARGV do
  if owned(ARGV[i]) then mine[#mine + 1] = ARGV[i] end
end
if #mine == 0 then return mine end
local command = {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], '0'}
for i = 1, #mine do command[#command + 1] = mine[i] end
command[#command + 1] = 'IDLE'
command[#command + 1] = ARGV[3]
command[#command + 1] = 'JUSTID'
local kept = redis.call(unpack(command))
if #kept < #mine then
  local still = {}
  for i = 1, #kept do still[kept[i]] = true end
  for i = 1, #mine do
    if not still[mine[i]] then redis.call('HDEL', KEYS[2], mine[i]) end
  end
end
return kept`);

/** Sets the delivery count (ARGV[4]) of the owned entry ARGV[3] and resets its idle time. Answers 1, or 0 = not owned. */
export const start = script(`${ownership}
if not owned(ARGV[3]) then return 0 end
return #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], '0', ARGV[3], 'RETRYCOUNT', ARGV[4], 'JUSTID')`);

/** Stores ARGV[4] as the retry record (KEYS[2]) of the owned entry ARGV[3] and resets its idle time. Answers 1, or 0 = not owned. */
export const postpone = script(`${ownership}
if not owned(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
if #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], '0', ARGV[3], 'JUSTID') == 1 then return 1 end
redis.call('HDEL', KEYS[2], ARGV[3])
return 0`);

/**
 * Moves the owned entry ARGV[3] to KEYS[3] with the fields ARGV[4]… appended. KEYS[2] = retry records. Lua passes at most
 * about 8,000 values to a command: an entry beyond that answers 'too-large', and nothing has happened to it.
 */
export const deadLetter = script(`${ownership}
if not owned(ARGV[3]) then return 'not-owned' end
local entry = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1]
if entry then
  local fields = entry[2]
  if #fields + #ARGV > 7900 then return 'too-large' end
  local command = {'XADD', KEYS[3], '*'}
  for i = 1, #fields do command[#command + 1] = fields[i] end
  for i = 4, #ARGV do command[#command + 1] = ARGV[i] end
  redis.call(unpack(command))
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('HDEL', KEYS[2], ARGV[3])
return entry and 'moved' or 'vanished'`);

/**
 * Stores ARGV[2]… in KEYS[1], unless the mark KEYS[2] leads to an entry that is still there, and marks it for ARGV[1] ms.
 * Answers with the id of the one entry.
 */
export const storeLetter = script(`
local id = redis.call('GET', KEYS[2])
if id and #redis.call('XRANGE', KEYS[1], id, id) > 0 then return id end
id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
redis.call('SET', KEYS[2], id, 'PX', ARGV[1])
return id`);

/** Answers whether the consumer owns the entry ARGV[3]. */
export const owns = script(`${ownership}
return owned(ARGV[3]) and 1 or 0`);

/** Acknowledges the owned entry ARGV[3] and forgets its retry record (KEYS[2]). Answers 1, or 0 = not owned. */
export const settle = script(`${ownership}
if not owned(ARGV[3]) then return 0 end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('HDEL', KEYS[2], ARGV[3])
return 1`);

/**
 * Takes over entries. KEYS[2] = retry records. ARGV[3] = idle time, ARGV[4] = how many entries, ARGV[5] = how many pages
 * of 100 are looked at, ARGV[6] = idle time of what was handed back, the only kind taken of the consumer's own; then pairs
 * of a consumer and the id after which to begin. Looks at one consumer's list at a time: to look for idle entries in the
 * list of the whole group would walk all of it.
 * Answers the ids to go on after ('' = that list has been seen to its end), and for each entry taken id, delivery
 * count, idle time before, and retry record; then the ids of entries that were deleted.
 */
export const claim = script(`
local rest, pages = tonumber(ARGV[4]), tonumber(ARGV[5])
local cursors, found, ids = {}, {}, {}
for i = 7, #ARGV, 2 do
  local cursor = ARGV[i + 1]
  local idle = tonumber(ARGV[i] == ARGV[2] and ARGV[6] or ARGV[3])
  while cursor ~= '' and rest > 0 and pages > 0 do
    pages = pages - 1
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '(' .. cursor, '+', 100, ARGV[i])
    cursor = #pending == 100 and pending[100][1] or ''
    for j = 1, #pending do
      if pending[j][3] >= idle then
        found[#found + 1] = pending[j]
        ids[#ids + 1] = pending[j][1]
        rest = rest - 1
        if rest == 0 then
          cursor = pending[j][1]
          break
        end
      end
    end
  end
  cursors[#cursors + 1] = cursor
end
if #ids == 0 then return {cursors, {}, {}} end
local command = {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3]}
for i = 1, #ids do command[#command + 1] = ids[i] end
command[#command + 1] = 'JUSTID'
local claimed = {}
for _, id in ipairs(redis.call(unpack(command))) do claimed[id] = true end
local records = redis.call('HMGET', KEYS[2], unpack(ids))
local entries, vanished = {}, {}
for i = 1, #ids do
  if claimed[ids[i]] then
    entries[#entries + 1] = {ids[i], found[i][4], found[i][3], records[i]}
  else
    vanished[#vanished + 1] = ids[i]
    redis.call('HDEL', KEYS[2], ids[i])
  end
end
return {cursors, entries, vanished}`);

/**
 * Acknowledges ids, forgets retry records (KEYS[2]) and marks events as handled, marks first. ARGV[2] = how many ids,
 * ARGV[3] = how many of them have a retry record, ARGV[4] = life of a bucket in ms, ARGV[5] = most marks, then the ids,
 * the ids with a record, the event ids. KEYS[3], KEYS[4] = outdated buckets; KEYS[5]… = live ones, the one to be written to
 * second to last, the neighbour of a client whose clock is ahead last. Big sets are unlinked, never deleted: deleting
 * one stops the server. Answers how many ids were pending, and how many buckets had to leave early.
 */
export const acknowledge = script(`
local ids, postponed = tonumber(ARGV[2]), tonumber(ARGV[3])
local first = 6
local events = first + ids + postponed
local dropped = 0
if events <= #ARGV then
  redis.call('UNLINK', KEYS[3], KEYS[4])
  local total = #ARGV - events + 1
  for i = 5, #KEYS do total = total + redis.call('SCARD', KEYS[i]) end
  local i = 5
  while total > tonumber(ARGV[5]) and i <= #KEYS do
    local size = redis.call('SCARD', KEYS[i])
    if size > 0 then
      redis.call('UNLINK', KEYS[i])
      total = total - size
      dropped = i - 4
    end
    i = i + 1
  end
  redis.call('SADD', KEYS[#KEYS - 1], unpack(ARGV, events))
  redis.call('PEXPIRE', KEYS[#KEYS - 1], ARGV[4])
end
local count = 0
if ids > 0 then count = redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, first, first + ids - 1)) end
if postponed > 0 then redis.call('HDEL', KEYS[2], unpack(ARGV, first + ids, events - 1)) end
return {count, dropped}`);

/** Acknowledges the ids ARGV[2]…, as XACK does. */
export const acknowledgePlainly = script(`return redis.call('XACK', KEYS[1], unpack(ARGV))`);

/**
 * Takes or renews the lease KEYS[2] with the token ARGV[3] for ARGV[4] ms, and leaves signs of life in KEYS[3]. Answers 1,
 * or 0 = somebody else has it.
 */
export const register = script(`${readClock}
redis.call('XPENDING', KEYS[1], ARGV[1])
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], ARGV[2])
local sign = string.format('%.0f', now)
redis.call('HSET', KEYS[3], ARGV[1], sign, ARGV[1] .. ' ' .. ARGV[2], sign)
return 1`);

/**
 * Gives up the lease KEYS[2] of the token ARGV[3], and removes the consumer and its sign of life in KEYS[3] if it owns
 * nothing. Leaves another one's alone.
 */
export const leave = script(`
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[3] then return 0 end
if holder then redis.call('DEL', KEYS[2]) end
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
  redis.call('HDEL', KEYS[3], ARGV[1] .. ' ' .. ARGV[2])
end
return 1`);

/** Records ARGV[1] as the number of partitions (KEYS[1]) unless one is recorded. Answers the recorded one. */
export const agree = script(`
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])`);

/** Records ARGV[2] as the number of partitions (KEYS[1]) if ARGV[1] is recorded, or nothing is. Answers the recorded one. */
export const changeCount = script(`
local count = redis.call('GET', KEYS[1])
if count and count ~= ARGV[1] then return count end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]`);

/**
 * Makes the consumer ARGV[1] known in KEYS[1] as alive for ARGV[3] ms, by the handle ARGV[2], and forgets whose time is
 * over. Answers the names of all that are alive, or nil = another handle has made that name known.
 */
export const announce = script(`${readClock}
local alive, over = {}, {}
local members = redis.call('HGETALL', KEYS[1])
for i = 1, #members, 2 do
  local ends, handle = string.match(members[i + 1], '^(%d+) (.*)$')
  local isAlive = tonumber(ends) > now
  if members[i] == ARGV[1] then
    if isAlive and handle ~= ARGV[2] then return false end
  elseif isAlive then
    alive[#alive + 1] = members[i]
  else
    over[#over + 1] = members[i]
  end
end
for i = 1, #over do redis.call('HDEL', KEYS[1], over[i]) end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + ARGV[3]) .. ' ' .. ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
alive[#alive + 1] = ARGV[1]
return alive`);

/** Takes back what the handle ARGV[2] made known of the consumer ARGV[1] in KEYS[1]. */
export const withdraw = script(`
local member = redis.call('HGET', KEYS[1], ARGV[1])
if member and string.match(member, ' (.*)$') == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 1`);
