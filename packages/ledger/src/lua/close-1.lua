-- One step of dropping the graph: what belongs to some nodes, and last what belongs to all. ARGV: cursor, ms that the record is kept. Answers the next cursor.
-- Somebody has it run again.
if not hasEnded and (isRunning or meta[1] == 'paused') then return '0' end
call('HSETNX', P .. 'meta', 'ended', F.now())
local found = call('HSCAN', P .. 'nodes', ARGV[1], 'COUNT', 200)
local keys = {}
for i = 1, #found[2], 2 do
  local key, node = found[2][i], cmsgpack.unpack(found[2][i + 1])
  if node[LIVE] > 0 then keys[#keys + 1] = P .. 'deps:' .. key end
  if F.isBlob(key) then keys[#keys + 1] = P .. 'wait:' .. key end
  if node[STATE] == 'l' then keys[#keys + 1] = P .. 'leases:' .. node[BY] end
end
F.inParts(keys, function(...) call('UNLINK', ...) end)
if found[1] ~= '0' then return found[1] end
for _, value in ipairs(call('HVALS', P .. 'batches')) do
  local batch = cmsgpack.unpack(value)
  if batch[1] == 'l' then call('UNLINK', P .. 'leases:' .. batch[3]) end
end
for _, name in ipairs({ 'nodes', 'bodies', 'done', 'blobs', 'images', 'batches', 'ready', 'failed', 'states' }) do call('UNLINK', P .. name) end
for _, name in ipairs({ 'meta', 'counts', 'results', 'unlisted', 'untagged', 'dropped', 'uses', 'events' }) do call('PEXPIRE', P .. name, ARGV[2]) end
return '0'
