-- The controller puts an attempt as the database knows it into Redis; an older token is fenced out.
-- KEYS[1] sweep:attempt:<trial>   hash: token, state, agent, order, why, sweep
-- KEYS[2] sweep:leases            zset: trial -> expiry, ms of this server's clock
-- KEYS[3] sweep:epoch             string: gone or changed when this Redis was wiped
-- ARGV    trial, token, state ('queued' or 'running'), agent ('' when queued), sweep, lease in ms,
--         epoch as the controller knows it
-- Returns 1; 0 when Redis already holds this token (left as it is) or a newer one; -1 when the epoch
-- is another: the controller must look at the database again before it projects anything.
if redis.call('GET', KEYS[3]) ~= ARGV[7] then return -1 end
local held = redis.pcall('HGET', KEYS[1], 'token')
if type(held) ~= 'string' then held = nil end  -- nothing, or a key that is no hash: an error
if held and (tonumber(held) or 0) >= tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'state', ARGV[3], 'agent', ARGV[4], 'sweep', ARGV[5])
if ARGV[3] == 'running' then
  local t = redis.call('TIME')
  redis.call('ZADD', KEYS[2], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[6], ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return 1
