-- Calls of one caller in a window that begins with the first of them; taken by the dozen, counted by the taker.
--
-- KEYS[1]  how many were taken
-- ARGV[1]  limit, ARGV[2] how many are wanted, ARGV[3] the window in milliseconds
--
-- Answer: calls * 10^8 + milliseconds left of the window; when none is left, the milliseconds negated.

local left = redis.call('PTTL', KEYS[1])
local taken = 0
if left > 0 then
  taken = tonumber(redis.call('GET', KEYS[1]) or '0')
else
  left = tonumber(ARGV[3])
end
local granted = math.min(tonumber(ARGV[2]), tonumber(ARGV[1]) - taken)
if granted <= 0 then return -left end
redis.call('SET', KEYS[1], taken + granted, 'PX', left)
return granted * 100000000 + left
