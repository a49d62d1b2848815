-- ARGV: cursor. Answers the next one, then image, what is wanted of it and its state by turns.
local found = call('HSCAN', P .. 'images', ARGV[1], 'COUNT', 200)
local out, leased = { found[1] }, {}
for i = 1, #found[2], 2 do
  local image = cmsgpack.unpack(found[2][i + 1])
  if image[WANTED] ~= '' then
    local state = 'moving'
    local number = image[BATCH]
    if image[STATE] == 'o' then
      if leased[number] == nil then
        local value = call('HGET', P .. 'batches', number)
        leased[number] = value and cmsgpack.unpack(value)[1] == 'l'
      end
      state = leased[number] and 'resolving' or 'ready'
    end
    out[#out + 1] = found[2][i]
    out[#out + 1] = image[WANTED]
    out[#out + 1] = state
  end
end
return out
