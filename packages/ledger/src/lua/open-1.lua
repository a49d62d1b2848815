-- Adds images that are to be resolved, in one batch. ARGV: image and what is wanted of it, by turns. Answers the batch and how many were new.
if hasEnded then return {} end
local ids = {}
for i = 1, #ARGV, 2 do
  local id = ARGV[i]
  if call('HEXISTS', P .. 'images', id) == 0 and call('HEXISTS', P .. 'results', id) == 0 and not images[id] then
    images[id] = F.newImage(ARGV[i + 1], F.now())
    changedImages[id] = true
    ids[#ids + 1] = id
  end
end
if #ids > 0 then
  F.count('found', #ids)
  local batch = F.makeBatch(ids)
  F.flush(0)
  return { batch, #ids }
end
-- The answer may have been lost: a batch of just these that nobody has taken is answered again.
local first = F.imageOf(ARGV[1])
local value = first and first[STATE] == 'o' and call('HGET', P .. 'batches', first[BATCH])
local batch = value and cmsgpack.unpack(value)
if not batch or batch[1] ~= 'r' then return {} end
local left = F.lines(batch[4])
if #left ~= #ARGV / 2 then return {} end
for i, id in ipairs(left) do if id ~= ARGV[i * 2 - 1] then return {} end end
return { first[BATCH], 0 }
