-- Notes that replicas keep for each other, and notices that they tell.
-- KEYS[1]: prefix of all keys. ARGV[1]: 'put' (name, text, milliseconds), 'get' (name), or 'tell' (channel, text).

if ARGV[1] == 'put' then
  redis.call('SET', KEYS[1] .. ARGV[2], ARGV[3], 'PX', ARGV[4])
  return 1
elseif ARGV[1] == 'get' then
  return redis.call('GET', KEYS[1] .. ARGV[2])
end
return redis.call('PUBLISH', KEYS[1] .. ARGV[2], ARGV[3])
