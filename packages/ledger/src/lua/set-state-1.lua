-- ARGV: the state to come, '1' when it is an end, the states that it may follow. Not complete while somebody waits for a second try of what failed.
local asked = call('HMGET', P .. 'meta', 'retries', 'retried')
if ARGV[1] == 'complete' and (asked[1] or '0') ~= (asked[2] or '0') then return 0 end
for i = 3, #ARGV do
  if meta[1] == ARGV[i] then
    call('HSET', P .. 'meta', 'state', ARGV[1])
    if ARGV[1] == 'paused' then call('HSET', P .. 'meta', 'paused', F.now()) elseif meta[1] == 'paused' then F.addIdle('paused') end
    if ARGV[2] == '1' then call('HSET', P .. 'meta', 'ended', F.now()) end
    return 1
  end
end
return 0
