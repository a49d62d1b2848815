-- ARGV: batch, worker. Answers the fence, then image and what is wanted of it by turns.
local number, worker = ARGV[1], ARGV[2]
local value = isRunning and call('HGET', P .. 'batches', number)
local batch = value and cmsgpack.unpack(value)
if not batch or batch[1] ~= 'r' then return {} end
batch[1] = 'l'
batch[2] = batch[2] + 1
batch[3] = worker
call('HSET', P .. 'batches', number, cmsgpack.pack(batch))
call('ZREM', P .. 'ready', 'batch ' .. number)
call('SADD', P .. 'leases:' .. worker, 'batch ' .. number)
local out = { batch[2] }
for _, id in ipairs(F.lines(batch[4])) do
  out[#out + 1] = id
  out[#out + 1] = F.imageOf(id)[WANTED]
end
return out
