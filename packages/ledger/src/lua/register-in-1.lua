-- Adds the graph of an image of a batch. ARGV: image, its roots, worker or '', room for nodes, for bytes, batch, fence, facts, then the nodes.
local id, number = ARGV[1], ARGV[6]
local batch = heldBatch(number, ARGV[7])
local image = batch and imageOf(id)
if image and image[STATE] == 'o' and image[BATCH] == number then
  leaveBatch(number, batch, id)
  image[ROOTS] = ARGV[2]
  image[FACTS] = ARGV[8]
  if image[KNOWN] == 0 then count('resolved', 1) end
  image[KNOWN] = 1
  register(id, image, 9)
  count('expectedBytes', freshBytes)
end
local out = progress(ARGV[3] ~= '' and ARGV[3], ARGV[4], ARGV[5])
out[#out + 1] = freshBlobs
out[#out + 1] = freshBytes
return out
