-- ARGV: key, fence, '' (so that nodes begin at a fourth), then the nodes.
local key = ARGV[1]
local node = held(key, ARGV[2])
if not node or hasEnded then return { 0, 0, 0 } end
unlease(key, node)
local keys = keysFrom(4)
for i, other in ipairs(keys) do
  if isBlob(other) then
    local blob, repository = sharedOf(other)
    if hasLine(blob.holders, repository) then
      local left = ''
      for _, holder in ipairs(lines(blob.holders)) do
        if holder ~= repository then left = addLines(left, holder) end
      end
      blob.holders = left
      blob.changed = true
    end
  end
  local known = nodes[other]
  if not known or known[STATE] == 'd' then
    if known then
      -- What needed it before has its own answer by now, or is the node itself, which counts below.
      enter(known, '')
      if known[LIVE] > 0 then call('UNLINK', P .. 'deps:' .. other) end
      drop(other)
    else call('SREM', P .. 'done', short(other)) end
    add(other, ARGV[i * 3 + 2], ARGV[i * 3 + 3], node[OWNER], 1)
  end
end
node[REPLANS] = node[REPLANS] + 1
node[BY] = ''
changed[key] = true
local record = broken(keys)
if record then failNode(key, record)
else
  local known = table.concat(needsOf(key), '\n')
  for _, other in ipairs(keys) do
    if not hasLine(known, other) then node[LINKS] = addLines(node[LINKS], other) end
  end
  waitFor(key, need(keys, key))
end
return progress()
