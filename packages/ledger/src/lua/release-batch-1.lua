-- ARGV: batch, fence.
local batch = F.heldBatch(ARGV[1], ARGV[2])
if not batch then return 0 end
F.returnBatch(ARGV[1], batch)
return 1
