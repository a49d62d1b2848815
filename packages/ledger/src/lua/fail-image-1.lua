-- The image could not be resolved. ARGV: image, batch, fence, error.
local id, number = ARGV[1], ARGV[2]
local batch = F.heldBatch(number, ARGV[3])
local image = batch and F.imageOf(id)
if image and image[STATE] == 'o' and image[BATCH] == number then
  F.leaveBatch(number, batch, id)
  image[ERRORS] = 'resolve\n' .. ARGV[4]
  F.settleIfOver(id, image)
end
return F.progress()
