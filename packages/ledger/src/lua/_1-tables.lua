-- What every operation begins with; both files are prepended to each script. All keys begin with KEYS[1], `longshore:{M}:`, and so share
-- a slot. A script reads what it needs into tables, changes these, and writes them back at the end, each key once.
--
--   nodes    hash   node key -> [state, missing, fence, ...]: an unfinished node, or a done one that others still lean on
--   bodies   hash   node key -> what it needs, an empty line, the rest: for the worker, opaque here
--   deps:K   list   nodes that need K and are not at their end, in the order in which they came
--   wait:K   list   placements that wait for their leader K
--   done     set    the keys of finished nodes, shortened by SHA-1
--   blobs    hash   `registry digest`, shortened -> `>leader`, or the repositories that hold it, a line each
--   images   hash   image -> [state, wanted, ...], until its end
--   batches  hash   number -> [state, fence, worker, images]
--   results  hash   image -> what came of it, in lines
--   ready    zset   nodes and batches (`batch N`) by the ms since when they are ready
--   failed   zset   nodes by their number
--   leases:W set    what a worker holds
--   states   hash   how many nodes are in each state (w r l d), numbers for new nodes and batches, and b: the bytes of manifests on their way
local P = KEYS[1]
local call = redis.call
-- Functions stand in a table: a closure that captures many variables is made slowly, and all are made anew whenever a script runs.
local F = {}

local meta = call('HMGET', P .. 'meta', 'state', 'ended')
if not meta[1] then return redis.error_reply('MIGRATIONLOST nothing is known of it') end
local isRunning = meta[1] == 'running'
local hasEnded = meta[2]

-- The fields of a node. BY: the worker that holds it, or the error that it failed with. LINKS: of a blob where it can be read, of others
-- what a replan found them to need besides. LIVE: the length of deps:K. BYTES: of a body that carries a manifest; of others 0.
local STATE, MISSING, FENCE, REPLANS, AGAIN, NUMBER, SINCE, LIVE, OWNER, IMAGES, LINKS, BY, BYTES = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
-- The fields of an image. STATE: o in a batch, m moving. ERRORS: a root and its error by turns, in lines. KNOWN: it was resolved before.
local WANTED, CREATED, BATCH, ROOTS, PENDING, ERRORS, TALLY, FACTS, KNOWN = 2, 3, 4, 5, 6, 7, 8, 9, 10

local clock
function F.now()
  if not clock then
    local time = call('TIME')
    clock = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return clock
end

-- Adds what has passed since a time of the record, which is over by now, to the ms in which nobody could work on it.
function F.addIdle(since)
  local at = call('HGET', P .. 'meta', since)
  if at then call('HINCRBY', P .. 'meta', 'idle', F.now() - at) end
  call('HDEL', P .. 'meta', since)
end

-- Lua cannot give more than some thousands of arguments.
function F.inParts(list, act)
  for first = 1, #list, 1000 do act(unpack(list, first, math.min(first + 999, #list))) end
end

function F.write(command, key, list)
  F.inParts(list, function(...) call(command, P .. key, ...) end)
end

function F.lines(text)
  local list = {}
  for line in string.gmatch(text, '[^\n]+') do list[#list + 1] = line end
  return list
end

function F.hasLine(text, line) return text == line or string.find('\n' .. text .. '\n', '\n' .. line .. '\n', 1, true) ~= nil end

function F.addLines(text, more)
  for _, line in ipairs(F.lines(more)) do
    if text == '' then text = line elseif not F.hasLine(text, line) then text = text .. '\n' .. line end
  end
  return text
end

function F.countLines(text)
  if text == '' then return 0 end
  return select(2, string.gsub(text, '\n', '')) + 1
end

-- The first 96 bits of its SHA-1: among a hundred million no two are alike, and 12 bytes fit a smaller block of memory than 20.
function F.short(text)
  local hex, sub = redis.sha1hex(text), string.sub
  return struct.pack('>I4I4I4', tonumber(sub(hex, 1, 8), 16), tonumber(sub(hex, 9, 16), 16), tonumber(sub(hex, 17, 24), 16))
end

-- Numbers that grow: of the record, and of the graph.
local counted, states = {}, {}
function F.count(name, by) counted[name] = (counted[name] or 0) + by end
-- Failed nodes stay for a retry, and are on no way: they would keep others out for ever.
function F.isOnItsWay(state) return state ~= '' and state ~= 'f' end
function F.enter(node, state)
  local before = node[STATE]
  if before == state then return end
  -- A node that a former version added has none.
  local bytes = node[BYTES] or 0
  if bytes > 0 and F.isOnItsWay(before) ~= F.isOnItsWay(state) then states.b = (states.b or 0) + (F.isOnItsWay(state) and bytes or -bytes) end
  if before ~= '' then states[before] = (states[before] or 0) - 1 end
  if state ~= '' then states[state] = (states[state] or 0) + 1 end
  node[STATE] = state
end

-- Nodes by key; false: there is none.
local nodes, changed, finished, marks = {}, {}, {}, {}
local needs, bodies = {}, {}

function F.load(keys)
  local ask = {}
  for _, key in ipairs(keys) do
    if nodes[key] == nil then
      nodes[key] = false
      ask[#ask + 1] = key
    end
  end
  local at = 0
  F.inParts(ask, function(...)
    for i, value in ipairs(call('HMGET', P .. 'nodes', ...)) do
      if value then nodes[ask[at + i]] = cmsgpack.unpack(value) end
    end
    at = at + 1000
  end)
end

function F.get(key)
  if nodes[key] == nil then F.load({ key }) end
  return nodes[key]
end

function F.drop(key)
  nodes[key] = false
  changed[key] = nil
  bodies[key] = nil
  needs[key] = nil
  finished[#finished + 1] = key
end

function F.isBlob(key) return string.sub(key, 1, 5) == 'blob ' end
function F.partsOf(key) return string.match(key, '^blob ([^/]+)/(.+)@([^@]+)%+(-?%d+)$') end
function F.sizeOf(key) return math.max(0, tonumber(string.match(key, '%+(-?%d+)$'))) end

function F.needsOf(key)
  if F.isBlob(key) then return {} end
  local own = needs[key]
  if not own then
    local body = call('HGET', P .. 'bodies', key)
    own = body and string.sub(body, 1, string.find(body, '\n\n', 1, true) - 1) or ''
    needs[key] = own
  end
  return F.lines(F.addLines(own, nodes[key][LINKS]))
end

-- One digest in one registry: who leads, who has it. Both never: with a holder nobody leads. By key, and by `registry digest`.
local shared, sharedByKey = {}, {}
function F.loadShared(keys)
  local ask, blobs = {}, {}
  for _, key in ipairs(keys) do
    if F.isBlob(key) and not sharedByKey[key] then
      local registry, _, digest = F.partsOf(key)
      local id = registry .. ' ' .. digest
      local blob = shared[id]
      if not blob then
        blob = { id = F.short(id), holders = '' }
        shared[id] = blob
        ask[#ask + 1] = blob.id
        blobs[#blobs + 1] = blob
      end
      sharedByKey[key] = blob
    end
  end
  local at = 0
  F.inParts(ask, function(...)
    for i, value in ipairs(call('HMGET', P .. 'blobs', ...)) do
      local blob = blobs[at + i]
      blob.isFresh = not value
      blob.changed = not value
      if value and string.sub(value, 1, 1) == '>' then blob.leader = string.sub(value, 2) elseif value then blob.holders = value end
    end
    at = at + 1000
  end)
end

function F.sharedOf(key)
  if not sharedByKey[key] then F.loadShared({ key }) end
  return sharedByKey[key]
end
function F.repositoryOf(key) return (select(2, F.partsOf(key))) end

function F.followers(blob)
  if not blob.leader then return {} end
  local list = call('LRANGE', P .. 'wait:' .. blob.leader, 0, -1)
  if #list > 0 then call('UNLINK', P .. 'wait:' .. blob.leader) end
  return list
end

-- Images by id; false: it is not open.
local images, changedImages, results = {}, {}, {}
function F.imageOf(id)
  if images[id] == nil then
    local value = call('HGET', P .. 'images', id)
    images[id] = value and cmsgpack.unpack(value) or false
  end
  return images[id]
end
function F.moving(id)
  local image = F.imageOf(id)
  return image and image[STATE] == 'm' and image
end

