-- Puts the tokens that were used in the place of those that were taken, or gives back all that a grant has taken.
-- KEYS[1]: prefix of all keys.
-- ARGV[1]: id of the grant. ARGV[2]: when it was made, in microseconds. ARGV[3]: tokens that were used, or -1 to give
-- back everything. ARGV[4]: 1 if this may be said for the second time.
-- Then for each quota four: subject, microseconds of the window (0: the day), 'r' or 't', amount.

local day = math.floor(tonumber(ARGV[2]) / 86400000000)
local used = math.max(tonumber(ARGV[3]), 0)
local is_cancelled = tonumber(ARGV[3]) < 0

local function int(number) return string.format('%.0f', number) end

for at = 5, #ARGV, 4 do
  local base = KEYS[1] .. ARGV[at] .. ':' .. ARGV[at + 2] .. ':'
  local amount = tonumber(ARGV[at + 3])
  if ARGV[at + 2] == 't' then
    if ARGV[at + 1] ~= '0' then
      local log, amounts = base .. ARGV[at + 1], base .. ARGV[at + 1] .. ':n'
      local before = tonumber(redis.call('HGET', amounts, ARGV[1]) or -1)
      if before >= 0 then
        redis.call('HINCRBY', amounts, '', int(used - before))
        if used > 0 then
          redis.call('HSET', amounts, ARGV[1], int(used))
        else
          redis.call('HDEL', amounts, ARGV[1])
          redis.call('ZREM', log, ARGV[1])
        end
      end
    else
      local count, held = base .. 'd' .. int(day), base .. 'h' .. int(day)
      local was_held = redis.call('ZREM', held, ARGV[1] .. '|' .. int(amount)) == 1
      if redis.call('EXISTS', count) == 1 then
        if was_held then
          redis.call('INCRBY', count, int(used - amount))
        elseif ARGV[4] ~= '1' then
          redis.call('INCRBY', count, int(used))
        end
      end
    end
  elseif is_cancelled then
    if ARGV[at + 1] ~= '0' then
      redis.call('ZREM', base .. ARGV[at + 1], ARGV[1])
    elseif ARGV[4] ~= '1' and (tonumber(redis.call('GET', base .. 'd' .. int(day)) or 0)) > 0 then
      redis.call('DECRBY', base .. 'd' .. int(day), int(amount))
    end
  end
end
return 1
