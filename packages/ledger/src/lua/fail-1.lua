-- ARGV: key, fence, error, '1' when it is the content that is bad, number of places where the worker could read it.
local key, record = ARGV[1], ARGV[3]
local node = held(key, ARGV[2])
if not node then return { 0, 0, 0 } end
unlease(key, node)
if ARGV[4] == '1' then
  if isBlob(key) then
    for _, other in ipairs(followers((sharedOf(key)))) do failIfWaiting(other, record) end
  end
  failNode(key, record)
elseif isBlob(key) and countLines(node[LINKS]) > tonumber(ARGV[5]) then
  -- A source that joined while this one was tried has not been asked yet.
  makeReady(key)
else failNode(key, record) end
return progress()
