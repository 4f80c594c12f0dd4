-- An agent claims an attempt that the queue handed it: of all that try, one wins.
-- KEYS[1] sweep:attempt:<trial>   hash: token, state, agent, order, why, sweep
-- KEYS[2] sweep:leases            zset: trial -> expiry, ms of this server's clock
-- KEYS[3] sweep:agent:<agent>     hash: free slots and more
-- ARGV    trial, token, agent, lease in ms
-- A claim whose answer was lost on the way may be made again.
-- Returns 'ok', or why not: 'unknown' (no such attempt here), 'fenced' (another token, or taken).
local held = redis.call('HMGET', KEYS[1], 'token', 'state', 'agent')
if not held[1] then return 'unknown' end
if held[1] == ARGV[2] and held[2] == 'running' and held[3] == ARGV[3] then return 'ok' end
if held[1] ~= ARGV[2] or held[2] ~= 'queued' then return 'fenced' end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], 'state', 'running', 'agent', ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('HINCRBY', KEYS[3], 'free', -1) end
return 'ok'
