import { readClock, script } from './scripts.js';

/** Ids are compared and counted as text: Lua's numbers end at 2^53. `upTo` gives the first id that a group which has `id` was not given. */
const idArithmetic = `
local function parts(id) return string.match(id, '^(%d+)-(%d+)$') end
local function isLower(a, b)
  local at, an = parts(a)
  local bt, bn = parts(b)
  if at == bt then at, bt = an, bn end
  if #at ~= #bt then return #at < #bt end
  return at < bt
end
local function increment(number)
  local head, nines = string.match(number, '^(.-)(9*)$')
  local zeros = string.rep('0', #nines)
  if head == '' then return '1' .. zeros end
  return string.sub(head, 1, -2) .. string.char(string.byte(head, -1) + 1) .. zeros
end
local function upTo(id)
  local time, number = parts(id)
  if number ~= '18446744073709551615' then return time .. '-' .. increment(number) end
  if time == number then return id end
  return increment(time) .. '-0'
end`;

/** What the server says of the groups of KEYS[1]; none where there is no such stream. */
const listing = `
local function asTable(flat)
  local named = {}
  for i = 1, #flat, 2 do named[flat[i]] = flat[i + 1] end
  return named
end
local function groupsOf(stream)
  local reply = redis.pcall('XINFO', 'GROUPS', stream)
  if reply.err then
    if string.sub(reply.err, 1, 4) == 'ERR ' then return nil end
    error(reply)
  end
  local groups = {}
  for i = 1, #reply do groups[i] = asTable(reply[i]) end
  return groups
end
local function lowestPending(stream, group)
  if group.pending == 0 then return nil end
  local first = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1]
  return first and first[1]
end
local function firstId(stream)
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  return first and first[1]
end
local function asText(number) return string.format('%.0f', number) end`;

/**
 * Removes entries from the beginning of KEYS[1]; KEYS[2] = signs of life. ARGV[1] = the most that may stay, ARGV[2] = the
 * lowest id that may, ARGV[3] = the most that leave ('' = no such limit), ARGV[4] = 1: exactly those, ARGV[5] = for how
 * long a released group must have been silent ('' = nothing is kept for any group), then the released groups.
 *
 * What a group loses unread is counted by stopping at the first id that it was not given: each XTRIM says how many
 * entries it removed. Only what is left of one node before such an id is read, to be counted.
 * Answers how many went, the length, the first id, how many groups there are, and name, unread and pending of each loss.
 */
export const trim = script(`${readClock}${idArithmetic}${listing}
local stream = KEYS[1]
local groups = groupsOf(stream) or {}
local length = redis.call('XLEN', stream)
local before = length > 0 and firstId(stream)
if not before then return {0, 0, false, #groups, {}} end
local maxLength, limit = tonumber(ARGV[1]), tonumber(ARGV[3])
local minId, isExact = ARGV[2] ~= '' and ARGV[2], ARGV[4] == '1'
local released = {}
for i = 6, #ARGV do released[ARGV[i]] = true end
local floor
local losers = {}
for _, group in ipairs(groups) do
  local isHeld = ARGV[5] ~= ''
  if isHeld and released[group.name] then
    local seen = redis.call('HGET', KEYS[2], group.name)
    if seen and now - seen >= tonumber(ARGV[5]) then isHeld = false end
  end
  group.unread = upTo(group['last-delivered-id'])
  group.lost = 0
  if isHeld then
    local needed = lowestPending(stream, group) or group.unread
    if not floor or isLower(needed, floor) then floor = needed end
  else
    losers[#losers + 1] = group
  end
end
table.sort(losers, function(a, b) return isLower(a.unread, b.unread) end)
local removed, passed = 0, 0
local function note(count)
  removed = removed + count
  length = length - count
  for i = 1, passed do losers[i].lost = losers[i].lost + count end
  return count
end
local function minimum(mark, id, most)
  if most then return note(redis.call('XTRIM', stream, 'MINID', '~', id, 'LIMIT', asText(most))) end
  if mark == '=' then return note(redis.call('XTRIM', stream, 'MINID', '=', id)) end
  return note(redis.call('XTRIM', stream, 'MINID', '~', id, 'LIMIT', 0))
end
-- all below id if most allows that; otherwise, where it is to be exact, most. Answers how many, and whether all went
local function cut(id, most)
  if not most then return minimum('=', id), true end
  if id == '0-0' then return 0, true end
  local gone = minimum('~', id, most)
  local rest = most - gone
  local left = #redis.call('XRANGE', stream, '-', '(' .. id, 'COUNT', asText(rest + 1))
  if left <= rest then
    if left > 0 then gone = gone + note(redis.call('XTRIM', stream, 'MINID', '=', id)) end
    return gone, true
  end
  if isExact and rest > 0 then
    gone = gone + note(redis.call('XTRIM', stream, 'MAXLEN', '=', asText(length - rest)))
  end
  return gone, false
end
local function run(id, most)
  if most and most <= 0 then return end
  while passed < #losers do
    local mark = losers[passed + 1].unread
    if id and not isLower(mark, id) then break end
    local gone, isPast = cut(mark, most)
    if most then most = most - gone end
    if not isPast or most == 0 then return end
    passed = passed + 1
  end
  if id then
    if isExact then cut(id, most) else minimum('~', id, most) end
  elseif isExact then
    note(redis.call('XTRIM', stream, 'MAXLEN', '=', asText(length - most)))
  else
    note(redis.call('XTRIM', stream, 'MAXLEN', '~', asText(maxLength), 'LIMIT', asText(most)))
  end
end
if minId then
  local id = minId
  if floor and isLower(floor, id) then id = floor end
  run(id, limit)
end
if maxLength and length > maxLength then
  local most = length - maxLength
  if limit then most = math.min(most, limit - removed) end
  run(floor, most)
end
if removed == 0 then return {0, length, before, #groups, {}} end
local first = length > 0 and firstId(stream)
local losses = {}
for _, group in ipairs(losers) do
  local pending, from = 0, before
  while group.pending > 0 and from do
    local page = redis.call('XPENDING', stream, group.name, from, first and '(' .. first or '+', 500)
    pending = pending + #page
    from = #page == 500 and '(' .. page[500][1]
  end
  if pending + group.lost > 0 then losses[#losses + 1] = {group.name, group.lost, pending} end
end
return {removed, length, first, #groups, losses}`);

/**
 * The stream KEYS[1] and its groups; KEYS[2] = signs of life: what has none is given one, and what is gone loses its own.
 * Answers nil = no such stream, or: time, length, first id, last id given out, and the groups, each with its name, pending,
 * lowest pending id, last id delivered, floor, time of silence, and name, pending and time of silence of its consumers.
 */
export const survey = script(`${readClock}${idArithmetic}${listing}
local stream = KEYS[1]
local groups = groupsOf(stream)
if not groups then return false end
local signs = asTable(redis.call('HGETALL', KEYS[2]))
local known = {}
local function silence(name)
  known[name] = true
  local seen = signs[name]
  if seen then return math.max(0, now - seen) end
  redis.call('HSET', KEYS[2], name, asText(now))
  return 0
end
local rows = {}
for i, group in ipairs(groups) do
  local consumers = {}
  for j, each in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group.name)) do
    local consumer = asTable(each)
    consumers[j] = {consumer.name, consumer.pending, silence(group.name .. ' ' .. consumer.name)}
  end
  local lowest = lowestPending(stream, group)
  local last = group['last-delivered-id']
  rows[i] = {group.name, group.pending, lowest or false, last, lowest or upTo(last), silence(group.name), consumers}
end
for name in pairs(signs) do
  if not known[name] then redis.call('HDEL', KEYS[2], name) end
end
local about = asTable(redis.call('XINFO', 'STREAM', stream))
local first = about['first-entry']
return {now, about.length, first and first[1], about['last-generated-id'], rows}`);

/**
 * Removes the group ARGV[1] of KEYS[1], its retry records KEYS[3] and its signs of life in KEYS[2], if it has been silent
 * for ARGV[2] ms, nothing is pending in it, and it has been given every entry. Answers what came of it.
 */
export const removeGroup = script(`${readClock}${idArithmetic}${listing}
local group
for _, each in ipairs(groupsOf(KEYS[1]) or {}) do
  if each.name == ARGV[1] then group = each end
end
if not group then return 'missing' end
local seen = redis.call('HGET', KEYS[2], ARGV[1])
if not seen then redis.call('HSET', KEYS[2], ARGV[1], asText(now)) end
if not seen or now - seen < tonumber(ARGV[2]) then return 'alive' end
if group.pending > 0 then return 'in-use' end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if newest and isLower(group['last-delivered-id'], newest[1]) then return 'in-use' end
redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
redis.call('UNLINK', KEYS[3])
for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
  if name == ARGV[1] or string.sub(name, 1, #ARGV[1] + 1) == ARGV[1] .. ' ' then redis.call('HDEL', KEYS[2], name) end
end
return 'removed'`);

/**
 * Removes the consumer ARGV[3] from the group ARGV[1] of KEYS[1], and its sign of life in KEYS[2], if it has been silent
 * for ARGV[2] ms and owns nothing. Answers what came of it.
 */
export const removeConsumer = script(`${readClock}${listing}
local hasGroup, exists = false, false
for _, group in ipairs(groupsOf(KEYS[1]) or {}) do
  if group.name == ARGV[1] then hasGroup = true end
end
if not hasGroup then return 'missing' end
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  if asTable(consumer).name == ARGV[3] then exists = true end
end
local field = ARGV[1] .. ' ' .. ARGV[3]
if not exists then return 'missing' end
local seen = redis.call('HGET', KEYS[2], field)
if not seen then redis.call('HSET', KEYS[2], field, asText(now)) end
if not seen or now - seen < tonumber(ARGV[2]) then return 'alive' end
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[3]) > 0 then return 'in-use' end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[3])
redis.call('HDEL', KEYS[2], field)
return 'removed'`);

/** Takes or renews the turn KEYS[1] with the token ARGV[1] for ARGV[2] ms. Answers 1, or 0 = somebody else has it. */
export const takeTurn = script(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`);

/** Gives the turn KEYS[1] of the token ARGV[1] back. */
export const endTurn = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`);

/** Records ARGV[1] in KEYS[1] unless something is recorded. Answers all that is. */
export const seal = script(`
if redis.call('SCARD', KEYS[1]) == 0 then redis.call('SADD', KEYS[1], ARGV[1]) end
return redis.call('SMEMBERS', KEYS[1])`);

/** Records the ARGV[1] values that follow in KEYS[1], and forgets those after them. Answers all that is recorded. */
export const changeSeal = script(`
local added = tonumber(ARGV[1])
for i = 2, #ARGV do redis.call(i <= added + 1 and 'SADD' or 'SREM', KEYS[1], ARGV[i]) end
return redis.call('SMEMBERS', KEYS[1])`);

/**
 * How far the group ARGV[1] of KEYS[1] is. Answers time, pending, consumers, the oldest pending id, the oldest unread id,
 * the last id delivered, and how many entries went unread (-1 = the server cannot know).
 */
export const progress = script(`${readClock}${idArithmetic}${listing}
local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
local group
for _, each in ipairs(groupsOf(KEYS[1])) do
  if each.name == ARGV[1] then group = each end
end
local last = group['last-delivered-id']
local unread = redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1)[1]
local about = asTable(redis.call('XINFO', 'STREAM', KEYS[1]))
local first, deleted = about['first-entry'], about['max-deleted-entry-id']
local missed = 0
if isLower(last, first and first[1] or about['last-generated-id']) then
  local isPlain = not first or isLower(deleted, first[1])
  local read = group['entries-read']
  missed = isPlain and read and about['entries-added'] - about.length - read or -1
  if missed < -1 then missed = 0 end
elseif isLower(last, deleted) then
  missed = -1
end
return {now, pending[1], group.consumers, pending[2], unread and unread[1] or false, last, missed}`);

/**
 * Counts entries of KEYS[1] from ARGV[1] to ARGV[2], until it has seen 500 of them or 256 KiB. Answers how many, and
 * the last of them where there may be more.
 */
export const countText = `
local from, count, bytes, size = ARGV[1], 0, 0, 2
while count < 500 and bytes < 262144 do
  local entries = redis.call('XRANGE', KEYS[1], from, ARGV[2], 'COUNT', size)
  count = count + #entries
  if #entries < size then return {count, ''} end
  from = '(' .. entries[#entries][1]
  local seen = 0
  for _, entry in ipairs(entries) do
    for _, value in ipairs(entry[2]) do seen = seen + #value end
  end
  bytes = bytes + seen
  size = math.max(1, math.min(100, size * 2, math.floor(65536 * #entries / (seen + 1))))
end
return {count, from}`;
