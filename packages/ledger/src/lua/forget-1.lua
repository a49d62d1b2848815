-- Lets go of failed manifests and tags under these roots. ARGV: keys.
local function forget(keys)
  F.load(keys)
  for _, key in ipairs(keys) do
    local node = nodes[key]
    local isKept = not node or node[STATE] ~= 'f' or F.isBlob(key)
    if not isKept then
      for _, id in ipairs(F.lines(node[IMAGES])) do if F.moving(id) then isKept = true end end
    end
    if not isKept then
      local below = F.needsOf(key)
      F.enter(node, '')
      F.drop(key)
      call('ZREM', P .. 'failed', key)
      forget(below)
    end
  end
end
forget(ARGV)
F.flush(0)
return 0
