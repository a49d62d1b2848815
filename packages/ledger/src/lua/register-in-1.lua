-- Adds the graph of an image of a batch. ARGV: image, its roots, worker or '', room for nodes, for bytes, batch, fence, facts, how many bytes of
-- manifests may be on their way together, then the nodes. { -1 }: there are so many; an image alone has room whatever it brings.
local id, number = ARGV[1], ARGV[6]
local batch = F.heldBatch(number, ARGV[7])
local image = batch and F.imageOf(id)
if image and image[STATE] == 'o' and image[BATCH] == number then
  local onTheirWay, bytes = tonumber(call('HGET', P .. 'states', 'b') or 0), 0
  for i = 10, #ARGV, 3 do
    if not F.isBlob(ARGV[i]) then bytes = bytes + #ARGV[i + 2] end
  end
  if onTheirWay > 0 and bytes > 0 and onTheirWay + bytes > tonumber(ARGV[9]) then return { -1 } end
  F.leaveBatch(number, batch, id)
  image[ROOTS] = ARGV[2]
  image[FACTS] = ARGV[8]
  if image[KNOWN] == 0 then F.count('resolved', 1) end
  image[KNOWN] = 1
  F.register(id, image, 10)
  F.count('expectedBytes', freshBytes)
end
local out = F.progress(ARGV[3] ~= '' and ARGV[3], ARGV[4], ARGV[5])
out[#out + 1] = freshBlobs
out[#out + 1] = freshBytes
return out
