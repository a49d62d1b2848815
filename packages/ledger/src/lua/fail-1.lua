-- ARGV: key, fence, error, '1' when it is the content that is bad, number of places where the worker could read it.
local key, record = ARGV[1], ARGV[3]
local node = F.held(key, ARGV[2])
if not node then return { 0, 0, 0 } end
F.unlease(key, node)
if ARGV[4] == '1' then
  if F.isBlob(key) then
    for _, other in ipairs(F.followers((F.sharedOf(key)))) do F.failIfWaiting(other, record) end
  end
  F.failNode(key, record)
elseif F.isBlob(key) and F.countLines(node[LINKS]) > tonumber(ARGV[5]) then
  -- A source that joined while this one was tried has not been asked yet.
  F.makeReady(key)
else F.failNode(key, record) end
return F.progress()
