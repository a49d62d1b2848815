-- Lets go of failed manifests and tags under these roots. ARGV: keys.
local function forget(keys)
  load(keys)
  for _, key in ipairs(keys) do
    local node = nodes[key]
    local isKept = not node or node[STATE] ~= 'f' or isBlob(key)
    if not isKept then
      for _, id in ipairs(lines(node[IMAGES])) do if moving(id) then isKept = true end end
    end
    if not isKept then
      local below = needsOf(key)
      enter(node, '')
      drop(key)
      call('ZREM', P .. 'failed', key)
      forget(below)
    end
  end
end
forget(ARGV)
flush(0)
return 0
