-- ARGV: key, worker.
local key, out = ARGV[1], {}
local node = isRunning and get(key)
if node and node[STATE] == 'r' then
  call('ZREM', P .. 'ready', key)
  lease(key, ARGV[2], out)
  flush(0)
end
return out
