-- ARGV: key, fence.
local key = ARGV[1]
local node = F.held(key, ARGV[2])
if node then
  F.unlease(key, node)
  F.makeReady(key)
end
return F.progress()
