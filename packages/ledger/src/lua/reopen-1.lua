-- Opens images that failed: what failed of their nodes is ready or waiting again, and those whose graph is gone are put in a batch.
-- ARGV: images, no more than a batch has room for. The batch comes behind the rest of the answer, or ''.
local known, unknown = {}, {}
for _, id in ipairs(ARGV) do
  local image = not hasEnded and not F.imageOf(id) and F.restore(id)
  if image and image[WANTED] ~= '' then
    local roots = F.lines(image[ROOTS])
    local isThere, hasFailed = #roots > 0, false
    F.load(roots)
    local done = F.finishedOf(roots)
    for _, root in ipairs(roots) do
      if nodes[root] then hasFailed = hasFailed or nodes[root][STATE] == 'f' elseif not done[root] then isThere = false end
    end
    if not isThere then unknown[#unknown + 1] = id
    elseif hasFailed then known[#known + 1] = id
    else
      -- What it failed for was tried again for another image.
      for _, root in ipairs(roots) do
        local node = nodes[root]
        if node and node[STATE] ~= 'd' then
          image[PENDING] = image[PENDING] + 1
          node[IMAGES] = F.addLines(node[IMAGES], id)
          changed[root] = true
        end
      end
      F.admit(id, image)
      F.settleIfOver(id, image)
    end
  end
end
F.retry(known, false)
local batch = ''
if #unknown > 0 then
  for _, id in ipairs(unknown) do
    F.admit(id, F.restore(id))
    images[id][STATE] = 'o'
    images[id][ROOTS] = ''
  end
  batch = F.makeBatch(unknown)
end
local out = F.progress()
out[#out + 1] = batch
return out
