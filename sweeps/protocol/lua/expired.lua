-- The controller asks which leases ran out. Nothing is changed: the database decides first, then
-- `project` or `finish` says so here; until then the lease stays expired and is listed again.
-- KEYS[1] sweep:leases            zset: trial -> expiry, ms of this server's clock
-- ARGV    how many at most
-- Returns a flat list: trial, token, agent, trial, token, agent, …
local now = clock()
local out = {}
for _, trial in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local held = redis.pcall('HMGET', 'sweep:attempt:' .. trial, 'token', 'agent')
  if held[1] then  -- not so where the key is no hash at all: then `held` is an error
    out[#out + 1] = trial; out[#out + 1] = held[1]; out[#out + 1] = held[2] or ''
  else
    redis.call('ZREM', KEYS[1], trial)
  end
end
return out
