-- ARGV: key, fence, '' (so that nodes begin at a fourth), then the nodes.
local key = ARGV[1]
local node = F.held(key, ARGV[2])
if not node or hasEnded then return { 0, 0, 0 } end
F.unlease(key, node)
local keys = F.keysFrom(4)
F.loadShared(keys)
for i, other in ipairs(keys) do
  if F.isBlob(other) then
    local blob, repository = F.sharedOf(other), F.repositoryOf(other)
    if F.hasLine(blob.holders, repository) then
      local left = ''
      for _, holder in ipairs(F.lines(blob.holders)) do
        if holder ~= repository then left = F.addLines(left, holder) end
      end
      blob.holders = left
      blob.changed = true
    end
  end
  local known = nodes[other]
  if not known or known[STATE] == 'd' then
    if known then
      -- What needed it before has its own answer by now, or is the node itself, which counts below.
      F.enter(known, '')
      if known[LIVE] > 0 then call('UNLINK', P .. 'deps:' .. other) end
      F.drop(other)
    else call('SREM', P .. 'done', F.short(other)) end
    F.add(other, ARGV[i * 3 + 2], ARGV[i * 3 + 3], node[OWNER], 1)
  end
end
node[REPLANS] = node[REPLANS] + 1
node[BY] = ''
changed[key] = true
local record = F.broken(keys)
if record then F.failNode(key, record)
else
  local known = table.concat(F.needsOf(key), '\n')
  for _, other in ipairs(keys) do
    if not F.hasLine(known, other) then node[LINKS] = F.addLines(node[LINKS], other) end
  end
  F.waitFor(key, F.need(keys, key))
end
return F.progress()
