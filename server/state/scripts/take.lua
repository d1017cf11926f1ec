-- Counts one call in all its quotas, or in none. Every replica sees the time of this server and no other.
-- KEYS[1]: prefix of all keys.
-- ARGV[1]: id of the grant. ARGV[2]: microseconds for which tokens of a day are held for it at most.
-- ARGV[3]: 1 to begin days that are not known at 0.
-- Then for each quota five: subject, microseconds of the window (0: the day), 'r' or 't', limit, amount.
-- Answers: the time in microseconds; whether it was admitted, 2 if a day is not known; then for each quota what is used
-- and the microseconds until it resets, or for 2 the numbers of the quotas whose day is not known, from 1.

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local day = math.floor(clock[1] / 86400)
local day_end = (day + 1) * 86400000000

local function int(number) return string.format('%.0f', number) end

local function expire_tokens(log, amounts, since)
  local gone = redis.call('ZRANGEBYSCORE', log, '-inf', int(since))
  if #gone > 0 then
    local freed = 0
    for _, id in ipairs(gone) do
      freed = freed + (tonumber(redis.call('HGET', amounts, id)) or 0)
      redis.call('HDEL', amounts, id)
    end
    redis.call('ZREMRANGEBYSCORE', log, '-inf', int(since))
    if freed > 0 then redis.call('HINCRBY', amounts, '', int(-freed)) end
  end
  if redis.call('ZCARD', log) == 0 then
    redis.call('DEL', amounts)
    return 0
  end
  return tonumber(redis.call('HGET', amounts, '') or 0)
end

local function expire_held(count, held)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', held, '-inf', int(now))) do
    redis.call('DECRBY', count, string.match(member, '|(%d+)$'))
    redis.call('ZREM', held, member)
  end
end

local quotas, unknown, fits = {}, {}, true
for at = 4, #ARGV, 5 do
  local quota = {span = tonumber(ARGV[at + 1]), is_tokens = ARGV[at + 2] == 't', limit = tonumber(ARGV[at + 3]),
    amount = tonumber(ARGV[at + 4])}
  local base = KEYS[1] .. ARGV[at] .. ':' .. ARGV[at + 2] .. ':'
  if quota.span > 0 then
    quota.log, quota.amounts = base .. ARGV[at + 1], base .. ARGV[at + 1] .. ':n'
    if quota.is_tokens then
      quota.used = expire_tokens(quota.log, quota.amounts, now - quota.span)
    else
      redis.call('ZREMRANGEBYSCORE', quota.log, '-inf', int(now - quota.span))
      quota.used = redis.call('ZCARD', quota.log)
    end
  else
    quota.count, quota.held = base .. 'd' .. int(day), base .. 'h' .. int(day)
    if quota.is_tokens then expire_held(quota.count, quota.held) end
    local known = redis.call('GET', quota.count)
    if not known and ARGV[3] ~= '1' then table.insert(unknown, (at + 1) / 5) end
    quota.used = tonumber(known or 0)
  end
  fits = fits and quota.used + quota.amount <= quota.limit
  table.insert(quotas, quota)
end
if #unknown > 0 then return {int(now), 2, unpack(unknown)} end

if fits then
  for _, quota in ipairs(quotas) do
    quota.used = quota.used + quota.amount
    if quota.span > 0 then
      local keep_ms = int(quota.span / 1000 + 1000)
      redis.call('ZADD', quota.log, int(now), ARGV[1])
      redis.call('PEXPIRE', quota.log, keep_ms)
      if quota.is_tokens then
        redis.call('HSET', quota.amounts, ARGV[1], int(quota.amount))
        redis.call('HINCRBY', quota.amounts, '', int(quota.amount))
        redis.call('PEXPIRE', quota.amounts, keep_ms)
      end
    else
      redis.call('INCRBY', quota.count, int(quota.amount))
      redis.call('EXPIRE', quota.count, 172800)
      if quota.is_tokens then
        redis.call('ZADD', quota.held, int(now + ARGV[2]), ARGV[1] .. '|' .. int(quota.amount))
        redis.call('EXPIRE', quota.held, 172800)
      end
    end
  end
end

-- When the oldest entry goes, or if the amount does not fit, enough of them.
local function wait_of(quota)
  if quota.span == 0 then return day_end - now end
  local missing, from = quota.used + quota.amount - quota.limit, 0
  if not quota.is_tokens and missing > 1 then from = missing - 1 end
  while true do
    local page = redis.call('ZRANGE', quota.log, from, from + 99, 'WITHSCORES')
    if #page == 0 then return 0 end
    for place = 1, #page, 2 do
      local amount = 1
      if quota.is_tokens then amount = tonumber(redis.call('HGET', quota.amounts, page[place]) or 0) end
      missing = missing - amount
      if amount > 0 and (missing <= 0 or not quota.is_tokens) then return page[place + 1] + quota.span - now end
    end
    from = from + 100
  end
end

local answer = {int(now), fits and 1 or 0}
for _, quota in ipairs(quotas) do
  table.insert(answer, int(quota.used))
  table.insert(answer, int(wait_of(quota)))
end
return answer
