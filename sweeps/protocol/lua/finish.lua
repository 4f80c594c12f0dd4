-- An agent lets go of an attempt whose end the server has acknowledged.
-- KEYS[1] sweep:attempt:<trial>   hash: token, state, agent, order, why, sweep
-- KEYS[2] sweep:leases            zset: trial -> expiry, ms of this server's clock
-- ARGV    trial, token
-- Returns 1, or 0 when another token owns the trial (or it is long gone).
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
