-- Adds the graph of an image of a batch. ARGV: image, its roots, worker or '', room for nodes, for bytes, batch, fence, facts, then the nodes.
local id, number = ARGV[1], ARGV[6]
local batch = F.heldBatch(number, ARGV[7])
local image = batch and F.imageOf(id)
if image and image[STATE] == 'o' and image[BATCH] == number then
  F.leaveBatch(number, batch, id)
  image[ROOTS] = ARGV[2]
  image[FACTS] = ARGV[8]
  if image[KNOWN] == 0 then F.count('resolved', 1) end
  image[KNOWN] = 1
  F.register(id, image, 9)
  F.count('expectedBytes', freshBytes)
end
local out = F.progress(ARGV[3] ~= '' and ARGV[3], ARGV[4], ARGV[5])
out[#out + 1] = freshBlobs
out[#out + 1] = freshBytes
return out
