-- ARGV: worker, keys.
local out = {}
if not isRunning then return out end
local keys = {}
for i = 2, #ARGV do keys[#keys + 1] = ARGV[i] end
F.load(keys)
local mine = {}
for _, key in ipairs(keys) do
  local node = nodes[key]
  if node and node[STATE] == 'r' then
    mine[#mine + 1] = key
    F.lease(key, ARGV[1], out)
  end
end
F.write('ZREM', 'ready', mine)
F.flush(0)
return out
