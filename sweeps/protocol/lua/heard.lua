-- Stands before beat, renew and expired, of which one comes every few seconds while anybody lives.
-- While this server was away (killed, frozen, its machine asleep, its clock set forward) nobody
-- could renew a lease: so the time in which none of the three came counts for no lease.
-- sweep:heard             string: when one of them came last, ms of this server's clock
-- sweep:leases            zset: trial -> expiry, ms of this server's clock
local function clock()
  local t = redis.call('TIME')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  local away = now - (tonumber(redis.call('GET', 'sweep:heard') or '') or now)
  if away >= 5000 then
    for _, trial in ipairs(redis.call('ZRANGE', 'sweep:leases', 0, -1)) do
      redis.call('ZINCRBY', 'sweep:leases', away, trial)
    end
  end
  if away < 0 or away >= 500 or redis.call('EXISTS', 'sweep:heard') == 0 then
    redis.call('SET', 'sweep:heard', now)
  end
  return now
end
