-- GCRA with reservations. All times are integer microseconds of the server's clock.
--
-- KEYS[1]  three 64-bit integers, big-endian
--   tat       theoretical arrival time: when the bucket would be full again, less the burst
--   bulk_due  when the bulk class is next owed a slot whatever the interactive load
--   granted   slots granted since the bucket was made: read by who shows how the limit is used
-- ARGV[1]  class: interactive | bulk | penalise
-- ARGV[2]  five 64-bit integers, packed once by the caller because every call carries them:
--   interval, burst
--   horizon     how many intervals ahead a slot may be reserved
--   bulk_every  bulk owns at least one slot in so many (0: none)
--   ttl
-- ARGV[3]  penalise only: how long nobody may go on
--
-- Answer: the wait until the reserved slot (0 or more), or, negated, the wait before asking again (1 or more;
-- nothing is reserved). One integer, because a client takes longer to read each element of a reply than to read it.
--
-- Every slot lies in [tat - tolerance, tat] and moves tat by one interval, so n slots span at least
-- (n - 1) * interval - tolerance: a closed window W holds at most floor(W / interval) + burst of them.

local class = ARGV[1]
local interval, burst, horizon, bulk_every, ttl = struct.unpack('>I8I8I8I8I8', ARGV[2])

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local tolerance = (burst - 1) * interval
local ahead = horizon * interval
local share = bulk_every * interval
-- The furthest tat that reservations can reach (see `owed` below).
local reach = tolerance + ahead + 2 * interval

local tat, bulk_due
local granted = 0
local state = redis.call('GET', KEYS[1])
if state then
  local a, b = struct.unpack('>I8I8', state)
  -- A server clock that stepped back must not block the bucket for the size of the step.
  tat, bulk_due = math.min(a, now + reach + 60000000), math.min(b, now + share)
  -- An older version of this script, still running beside this one, does not count.
  if #state >= 24 then granted = struct.unpack('>I8', state, 17) end
else
  -- New, or lost: what a lost bucket promised is not known, so its furthest promise is assumed, and after
  -- it there is one token.
  tat, bulk_due = now + reach, now
end

local function store()
  local left = math.ceil((ttl + math.max(tat - now, 0)) / 1000)
  redis.call('SET', KEYS[1], struct.pack('>I8I8I8', tat, bulk_due, granted), 'PX', left)
end

local function grant(slot)
  tat = math.max(tat, now) + interval
  granted = granted + 1
  store()
  return slot - now
end

local early = math.max(now, tat - tolerance)

if class == 'penalise' then
  local block = tonumber(ARGV[3])
  tat = math.max(tat, now + block + tolerance)
  store()
  return block
end

if class == 'interactive' then
  if early <= now + ahead then return grant(early) end
  store()
  return now + ahead - early
end

-- Bulk does not use the burst: that is the reserve of the interactive class.
if tat <= now + ahead then
  bulk_due = now + share
  return grant(math.max(now, tat))
end
local wait = tat - now - ahead
if bulk_every > 0 then
  -- One more slot than interactive calls may reserve, so that a flood of these cannot keep bulk out.
  local owed = math.max(bulk_due, early - ahead - interval)
  if owed <= now then
    -- Credit is kept for a few missed turns, because the asker polls and so comes late.
    bulk_due = math.max(bulk_due, now - 4 * share) + share
    return grant(early)
  end
  wait = math.min(wait, owed - now)
end
store()
return -wait
