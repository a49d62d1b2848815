-- ARGV: key, fence, outcome, worker or '', room for nodes, for bytes.
local key, outcome = ARGV[1], ARGV[3]
local node = F.held(key, ARGV[2])
if not node then
  -- Asked again, it answers again what became ready.
  node = F.get(key)
  local again = { 0 }
  if node and node[STATE] == 'd' then
    for _, other in ipairs(F.dependents(key)) do
      if nodes[other] and nodes[other][STATE] == 'r' then again[#again + 1] = other end
    end
    again[1] = #again - 1
  end
  again[#again + 1] = 0
  again[#again + 1] = 0
  return again
end
F.unlease(key, node)
F.enter(node, 'd')
node[BY] = ''
changed[key] = true
if F.isBlob(key) then
  local blob, repository = F.sharedOf(key), F.repositoryOf(key)
  -- A few places to mount from are as good as all of them.
  if F.countLines(blob.holders) < 3 then blob.holders = F.addLines(blob.holders, repository) end
  local waiting = F.followers(blob)
  blob.leader = nil
  blob.changed = true
  F.load(waiting)
  for _, other in ipairs(waiting) do F.arrived(other) end
  if outcome ~= 'skipped' and not (node[AGAIN] == 1 and outcome == 'existed') then
    local size = F.sizeOf(key)
    F.count(outcome, 1)
    F.count(outcome .. 'Bytes', size)
    local image = F.moving(node[OWNER])
    if image then
      local at = outcome == 'pushed' and 1 or outcome == 'mounted' and 3 or 5
      image[TALLY][at] = image[TALLY][at] + 1
      image[TALLY][at + 1] = image[TALLY][at + 1] + size
      changedImages[node[OWNER]] = true
    end
  end
elseif outcome == 'pushed' then F.count('manifests', 1) end
for _, other in ipairs(F.dependents(key)) do F.arrived(other) end
F.ended(key)
return F.progress(ARGV[4] ~= '' and ARGV[4], ARGV[5], ARGV[6])
