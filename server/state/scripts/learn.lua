-- Says what a day has seen so far, unless somebody has said so before, or adds to a day that is known.
-- KEYS[1]: prefix of all keys.
-- ARGV[1]: 'begin' or 'add'. Then for each count four: subject, 'r' or 't', the day since 1970, how much.

for at = 2, #ARGV, 4 do
  local count = KEYS[1] .. ARGV[at] .. ':' .. ARGV[at + 1] .. ':d' .. ARGV[at + 2]
  if ARGV[1] == 'begin' then
    redis.call('SET', count, ARGV[at + 3], 'NX', 'EX', 172800)
  elseif redis.call('EXISTS', count) == 1 then
    redis.call('INCRBY', count, ARGV[at + 3])
  end
end
return 1
