-- Adds the graph of an image that was never opened. ARGV: image, its roots, worker or '', room for nodes, for bytes, then the nodes.
local id = ARGV[1]
local image
if not F.imageOf(id) and not hasEnded then
  local before = call('HGET', P .. 'results', id)
  if before and string.sub(before, 1, 3) == 'f\n\n' then call('HDEL', P .. 'results', id) end
  image = F.newImage('', F.now())
  image[ROOTS] = ARGV[2]
  F.register(id, image, 6)
end
local out = F.progress(ARGV[3] ~= '' and ARGV[3], ARGV[4], ARGV[5])
out[#out + 1] = freshBlobs
out[#out + 1] = freshBytes
return out
