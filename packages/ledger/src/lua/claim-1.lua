-- ARGV: key, worker.
local key, out = ARGV[1], {}
local node = isRunning and F.get(key)
if node and node[STATE] == 'r' then
  call('ZREM', P .. 'ready', key)
  F.lease(key, ARGV[2], out)
  F.flush(0)
end
return out
