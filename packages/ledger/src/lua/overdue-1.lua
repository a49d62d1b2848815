-- Ready work that is older, at most so much of it; it counts as fresh from now on. ARGV: ms, number. While nobody may take it, it grows old in peace.
if not isRunning then return {} end
local keys = call('ZRANGEBYSCORE', P .. 'ready', '-inf', F.now() - tonumber(ARGV[1]), 'LIMIT', 0, ARGV[2])
local list = {}
for _, key in ipairs(keys) do
  list[#list + 1] = F.now()
  list[#list + 1] = key
end
F.write('ZADD', 'ready', list)
return keys
