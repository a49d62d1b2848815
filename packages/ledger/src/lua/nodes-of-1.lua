-- The nodes of an open image, needs before those that need them. ARGV: image. Answers key, state, worker or error by turns.
local image, out, seen = F.moving(ARGV[1]), {}, {}
local function walk(keys)
  F.load(keys)
  for _, key in ipairs(keys) do
    local node = nodes[key]
    if node and not seen[key] then
      seen[key] = true
      walk(F.needsOf(key))
      out[#out + 1] = key
      out[#out + 1] = node[STATE]
      out[#out + 1] = node[BY]
    end
  end
end
if image then walk(F.lines(image[ROOTS])) end
return out
