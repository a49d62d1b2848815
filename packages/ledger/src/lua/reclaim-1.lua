-- Takes from a worker what it holds, or only these keys. ARGV: worker, keys. Answers what is ready now.
local worker, out = ARGV[1], {}
local keys = {}
if #ARGV > 1 then for i = 2, #ARGV do keys[#keys + 1] = ARGV[i] end
else keys = call('SMEMBERS', P .. 'leases:' .. worker) end
F.load(keys)
for _, key in ipairs(keys) do
  local number = string.match(key, '^batch (%d+)$')
  if number then
    local value = call('HGET', P .. 'batches', number)
    local batch = value and cmsgpack.unpack(value)
    if batch and batch[1] == 'l' and batch[3] == worker then
      F.returnBatch(number, batch)
      out[#out + 1] = key
    end
  else
    local node = nodes[key]
    if node and node[STATE] == 'l' and node[BY] == worker then
      F.unlease(key, node)
      F.makeReady(key)
      out[#out + 1] = key
    end
  end
end
F.flush(0)
return out
