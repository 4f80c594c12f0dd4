-- An agent renews the lease of an attempt that it runs, and reads its orders.
-- KEYS[1] sweep:attempt:<trial>   hash: token, state, agent, order, why, sweep
-- KEYS[2] sweep:leases            zset: trial -> expiry, ms of this server's clock
-- ARGV    trial, token, agent, lease in ms
-- Returns {status, order, why}; status 'ok', 'fenced' (somebody else's now: kill it, record
-- nothing), 'unknown' (this Redis has forgotten it: carry on, the controller will project it anew).
local now = clock()
local held = redis.call('HMGET', KEYS[1], 'token', 'state', 'agent', 'order', 'why')
if not held[1] then return {'unknown', '', ''} end
if held[1] ~= ARGV[2] or held[2] ~= 'running' or held[3] ~= ARGV[3] then return {'fenced', '', ''} end
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
return {'ok', held[4] or '', held[5] or ''}
