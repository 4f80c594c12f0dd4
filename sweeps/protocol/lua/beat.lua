-- An agent says that it lives, what it has and how much of it is free.
-- KEYS[1] sweep:agent:<agent>     hash: sweep, free, info (JSON)
-- KEYS[2] sweep:agents            zset: agent -> expiry, ms of this server's clock
-- KEYS[3] sweep:doorbell          list: wakes the controller; never longer than 1
-- ARGV    agent, sweep, free, info, lease in ms, ring (1 or 0)
local now = clock()
redis.call('HSET', KEYS[1], 'sweep', ARGV[2], 'free', ARGV[3], 'info', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[1])
if ARGV[6] == '1' then
  redis.call('DEL', KEYS[3])
  redis.call('RPUSH', KEYS[3], '1')
end
return redis.call('GET', 'sweep:state:' .. ARGV[2])
