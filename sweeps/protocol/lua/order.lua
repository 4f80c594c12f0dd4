-- The controller gives an order ('stop' or 'cancel') about an attempt; it stays until it ends.
-- KEYS[1] sweep:attempt:<trial>   hash: token, state, agent, order, why, sweep
-- ARGV    token, order, why
-- Returns the agent that runs it ('' when none does yet), or false when the token is not current.
-- A 'cancel' is never weakened to a 'stop'.
local held = redis.call('HMGET', KEYS[1], 'token', 'agent', 'order')
if held[1] ~= ARGV[1] then return false end
if held[3] ~= 'cancel' then redis.call('HSET', KEYS[1], 'order', ARGV[2], 'why', ARGV[3]) end
return held[2] or ''
