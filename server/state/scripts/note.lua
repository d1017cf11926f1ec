-- Notes that replicas keep for each other, and notices that they tell.
-- KEYS[1]: prefix of all keys. ARGV[1]: 'put' or 'claim' (name, text, milliseconds), 'get' or 'drop' (name), or 'tell'
-- (channel, text). A claim answers the text that is there already, nothing if it is kept.

if ARGV[1] == 'put' then
  redis.call('SET', KEYS[1] .. ARGV[2], ARGV[3], 'PX', ARGV[4])
  return 1
elseif ARGV[1] == 'claim' then
  local found = redis.call('GET', KEYS[1] .. ARGV[2])
  if not found then
    redis.call('SET', KEYS[1] .. ARGV[2], ARGV[3], 'PX', ARGV[4])
  end
  return found
elseif ARGV[1] == 'get' then
  return redis.call('GET', KEYS[1] .. ARGV[2])
elseif ARGV[1] == 'drop' then
  return redis.call('DEL', KEYS[1] .. ARGV[2])
end
return redis.call('PUBLISH', KEYS[1] .. ARGV[2], ARGV[3])
