-- Circuit breaker of one remote account. Times are integer microseconds of the server's clock.
--
-- KEYS[1]  hash: failures (in a row, while closed), open_until, lease_until, successes (while half-open)
-- ARGV     command (check | success | failure), threshold, successes needed, open time, probe lease, memory
--
-- check answers 0 when a request may go, the wait negated when not.

local command = ARGV[1]
local threshold, needed = tonumber(ARGV[2]), tonumber(ARGV[3])
local open_time, lease, memory = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local state = redis.call('HMGET', KEYS[1], 'failures', 'open_until', 'lease_until', 'successes')
local open_until = tonumber(state[2])
if command ~= 'failure' and not state[1] and not open_until then return 0 end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function keep(time_to_live)
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(time_to_live / 1000)))
end

local function open()
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'open_until', string.format('%.0f', now + open_time))
  keep(open_time + memory)
  return 0
end

if not open_until then
  if command == 'success' then redis.call('DEL', KEYS[1]) end
  if command ~= 'failure' then return 0 end
  if redis.call('HINCRBY', KEYS[1], 'failures', 1) >= threshold then return open() end
  keep(memory)
  return 0
end

if now < open_until then
  -- Late results of requests sent before it opened say nothing new.
  if command == 'check' then return -math.min(open_until - now, open_time) end
  return 0
end

-- Half-open: one probe at a time; a lease that runs out belonged to a process that died.
if command == 'failure' then return open() end
if command == 'success' then
  if redis.call('HINCRBY', KEYS[1], 'successes', 1) >= needed then
    redis.call('DEL', KEYS[1])
  else
    redis.call('HDEL', KEYS[1], 'lease_until')
  end
  return 0
end
local lease_until = tonumber(state[3])
if lease_until and lease_until > now then return now - lease_until end
redis.call('HSET', KEYS[1], 'lease_until', string.format('%.0f', now + lease))
keep(lease + memory)
return 0
