-- ARGV: key, fence.
local key = ARGV[1]
local node = held(key, ARGV[2])
if node then
  unlease(key, node)
  makeReady(key)
end
return progress()
