-- The rules of the graph: the same as those of MemoryLedger.
local readied, settled = {}, {}

function F.makeReady(key)
  F.enter(nodes[key], 'r')
  changed[key] = true
  readied[#readied + 1] = key
end

function F.arrived(key)
  local node = F.get(key)
  if not node or node[STATE] ~= 'w' then return end
  node[MISSING] = node[MISSING] - 1
  changed[key] = true
  if node[MISSING] == 0 then F.makeReady(key) end
end

function F.settleIfOver(id, image)
  if image[PENDING] > 0 then return end
  images[id] = false
  changedImages[id] = true
  local outcome, errors = image[ROOTS] == '' and 'p' or 'c', {}
  for i, line in ipairs(F.lines(image[ERRORS])) do
    if i % 2 == 0 then errors[#errors + 1] = line end
  end
  if #errors > 0 then outcome = 'f' end
  local tally = table.concat(image[TALLY], ' ')
  local result = ''
  -- Also of an image that was never opened it is remembered under which roots it failed: for `retry`.
  if image[WANTED] ~= '' or outcome == 'f' then
    result = table.concat({
      outcome, image[WANTED], image[FACTS], tally, image[CREATED], F.now() - image[CREATED], errors[1] or '', outcome == 'f' and image[ROOTS] or nil,
    }, '\n')
    results[id] = result
  end
  if image[WANTED] ~= '' then
    local _, rewritten, referrers = string.match(image[FACTS], '^(%S+) (%S+) (%d+)')
    if outcome == 'f' then F.count('failed', 1)
    else
      F.count(outcome == 'c' and 'copied' or 'present', 1)
      if rewritten ~= '-' then F.count('rewritten', 1) end
      if outcome == 'c' then F.count('referrers', tonumber(referrers)) end
    end
  else result = '' end
  settled[#settled + 1] = { id, table.concat(errors, '\n'), tally, result }
end

function F.compact(key)
  local node = nodes[key]
  if not node or node[STATE] ~= 'd' or node[LIVE] > 0 then return end
  F.enter(node, '')
  F.drop(key)
  marks[#marks + 1] = F.short(key)
end

-- A node is at its end: so may be its images, and the needs that only it kept open.
function F.ended(key)
  local node = nodes[key]
  for _, id in ipairs(F.lines(node[IMAGES])) do
    local image = F.moving(id)
    if image and F.hasLine(image[ROOTS], key) then
      image[PENDING] = image[PENDING] - 1
      if node[STATE] == 'f' then image[ERRORS] = (image[ERRORS] == '' and '' or image[ERRORS] .. '\n') .. key .. '\n' .. node[BY] end
      changedImages[id] = true
      F.settleIfOver(id, image)
    end
  end
  local wanted = F.needsOf(key)
  F.load(wanted)
  for _, need in ipairs(wanted) do
    local other = nodes[need]
    if other and other[LIVE] > 0 and call('LREM', P .. 'deps:' .. need, 1, key) == 1 then
      other[LIVE] = other[LIVE] - 1
      changed[need] = true
      F.compact(need)
    end
  end
  F.compact(key)
end

function F.dependents(key)
  if nodes[key][LIVE] == 0 then return {} end
  local list = call('LRANGE', P .. 'deps:' .. key, 0, -1)
  F.load(list)
  return list
end

function F.failIfWaiting(key, record)
  local node = F.get(key)
  if node and node[STATE] == 'w' then F.failNode(key, record) end
end

function F.failNode(key, record)
  local node = nodes[key]
  if node[STATE] == 'f' then return end
  F.enter(node, 'f')
  node[BY] = record
  changed[key] = true
  call('ZADD', P .. 'failed', node[NUMBER], key)
  for _, other in ipairs(F.dependents(key)) do F.failIfWaiting(other, record) end
  if F.isBlob(key) then
    local blob = F.sharedOf(key)
    if blob.leader == key then
      blob.leader = call('LPOP', P .. 'wait:' .. key) or nil
      blob.changed = true
      if blob.leader then
        if call('EXISTS', P .. 'wait:' .. key) == 1 then call('RENAME', P .. 'wait:' .. key, P .. 'wait:' .. blob.leader) end
        F.arrived(blob.leader)
      end
    end
  end
  F.ended(key)
end

-- Why one of these nodes failed, if one did.
function F.broken(keys)
  F.load(keys)
  for _, key in ipairs(keys) do
    local node = nodes[key]
    if node and node[STATE] == 'f' then return node[BY] end
  end
end

-- Lets `key` wait for these, unless they are done; answers for how many it does.
function F.need(keys, key)
  local missing = 0
  for _, other in ipairs(keys) do
    local node = nodes[other]
    if node and node[STATE] ~= 'd' then
      call('RPUSH', P .. 'deps:' .. other, key)
      node[LIVE] = node[LIVE] + 1
      changed[other] = true
      missing = missing + 1
    end
  end
  return missing
end

function F.waitFor(key, missing)
  if missing == 0 then return F.makeReady(key) end
  local node = nodes[key]
  node[MISSING] = missing
  F.enter(node, 'w')
  changed[key] = true
end

-- Finds out what a new (or reopened) node waits for.
local freshBlobs, freshBytes = 0, 0
function F.place(key)
  local node = nodes[key]
  if not F.isBlob(key) then
    local wanted = F.needsOf(key)
    local record = F.broken(wanted)
    if record then return F.failNode(key, record) end
    return F.waitFor(key, F.need(wanted, key))
  end
  local blob = F.sharedOf(key)
  if blob.isFresh then
    blob.isFresh = false
    freshBlobs = freshBlobs + 1
    freshBytes = freshBytes + F.sizeOf(key)
  end
  if blob.holders ~= '' or not blob.leader or blob.leader == key then
    if blob.holders == '' then
      blob.leader = key
      blob.changed = true
    end
    return F.makeReady(key)
  end
  -- A leader may read from where a follower would have: one repository may refuse what another serves. Beyond a few the followers have their turn to lead.
  local leader = F.get(blob.leader)
  if leader and F.countLines(leader[LINKS]) < 8 then
    leader[LINKS] = F.addLines(leader[LINKS], node[LINKS])
    changed[blob.leader] = true
  end
  call('RPUSH', P .. 'wait:' .. blob.leader, key)
  F.waitFor(key, 1)
end

-- Nodes come as three arguments each: key, where a blob can be read, body.
function F.keysFrom(first)
  local keys = {}
  for i = first, #ARGV, 3 do keys[#keys + 1] = ARGV[i] end
  F.load(keys)
  return keys
end

local numbers
function F.add(key, links, body, owner, again)
  numbers = numbers or call('HINCRBY', P .. 'states', 'added', math.floor(#ARGV / 3)) - math.floor(#ARGV / 3)
  numbers = numbers + 1
  nodes[key] = { '', 0, 0, 0, again, numbers, F.now(), 0, owner, '', links, '', F.isBlob(key) and 0 or #body }
  bodies[key] = body
  if not F.isBlob(key) then needs[key] = string.sub(body, 1, string.find(body, '\n\n', 1, true) - 1) end
  F.place(key)
end

-- Which of these are finished, by key.
function F.finishedOf(keys)
  local unknown, shorts, known = {}, {}, {}
  for _, key in ipairs(keys) do
    if not nodes[key] then
      unknown[#unknown + 1] = key
      shorts[#shorts + 1] = F.short(key)
    end
  end
  local at = 0
  F.inParts(shorts, function(...)
    for i, isDone in ipairs(call('SMISMEMBER', P .. 'done', ...)) do known[unknown[at + i]] = isDone == 1 end
    at = at + 1000
  end)
  return known
end

-- Adds an image's nodes. `image` is what is known of it by now.
function F.register(id, image, first)
  local keys = F.keysFrom(first)
  local done = F.finishedOf(keys)
  local unknown = {}
  for _, key in ipairs(keys) do
    if not nodes[key] and not done[key] then unknown[#unknown + 1] = key end
  end
  F.loadShared(unknown)
  for i, key in ipairs(keys) do
    local at = first + (i - 1) * 3
    local node = nodes[key]
    if not node then
      if not done[key] then F.add(key, ARGV[at + 1], ARGV[at + 2], id, 0) end
    elseif F.isBlob(key) then
      node[LINKS] = F.addLines(node[LINKS], ARGV[at + 1])
      changed[key] = true
    end
  end
  image[STATE] = 'm'
  image[PENDING] = 0
  images[id] = image
  changedImages[id] = true
  local roots = F.lines(image[ROOTS])
  F.load(roots)
  for _, root in ipairs(roots) do
    local node = nodes[root]
    if node and node[STATE] ~= 'd' then
      if node[STATE] == 'f' then image[ERRORS] = (image[ERRORS] == '' and '' or image[ERRORS] .. '\n') .. root .. '\n' .. node[BY]
      else image[PENDING] = image[PENDING] + 1 end
      node[IMAGES] = F.addLines(node[IMAGES], id)
      changed[root] = true
    end
  end
  F.settleIfOver(id, image)
end

function F.newImage(wanted, created) return { 'o', wanted, created, '', '', 0, '', { 0, 0, 0, 0, 0, 0 }, '', 0 } end

-- An image that failed is open again, as far as its roots are not at their end; nil when it did not fail.
function F.restore(id)
  local result = call('HGET', P .. 'results', id)
  if not result or string.sub(result, 1, 1) ~= 'f' then return end
  local fields = {}
  for line in string.gmatch(result .. '\n', '([^\n]*)\n') do fields[#fields + 1] = line end
  local image = F.newImage(fields[2], tonumber(fields[5]))
  image[STATE] = 'm'
  image[FACTS] = fields[3]
  image[KNOWN] = fields[3] == '' and 0 or 1
  image[ROOTS] = table.concat(fields, '\n', 8)
  return image
end

function F.admit(id, image)
  call('HDEL', P .. 'results', id)
  if image[WANTED] ~= '' then F.count('failed', -1) end
  images[id] = image
  changedImages[id] = true
end

-- A root that had failed is tried again.
function F.waitAgain(id, image, root)
  local left, errors = {}, F.lines(image[ERRORS])
  for i = 1, #errors, 2 do
    if errors[i] == root then image[PENDING] = image[PENDING] + 1
    else
      left[#left + 1] = errors[i]
      left[#left + 1] = errors[i + 1]
    end
  end
  image[ERRORS] = table.concat(left, '\n')
  changedImages[id] = true
end

-- Makes failed nodes under these images (all failed nodes) ready or waiting again, and opens their images.
function F.retry(ids, isAll)
  local failed, chosen, opened = {}, {}, {}
  local function choose(keys)
    F.load(keys)
    for _, key in ipairs(keys) do
      local node = nodes[key]
      if node and node[STATE] == 'f' and not chosen[key] then
        chosen[key] = true
        failed[#failed + 1] = key
        choose(F.needsOf(key))
      end
    end
  end
  if isAll then
    choose(call('ZRANGE', P .. 'failed', 0, -1))
    ids = {}
    local seen = {}
    for _, key in ipairs(failed) do
      for _, id in ipairs(F.lines(nodes[key][IMAGES])) do
        if not seen[id] then
          seen[id] = true
          ids[#ids + 1] = id
        end
      end
    end
  end
  for _, id in ipairs(ids) do
    local image = F.moving(id) or not F.imageOf(id) and F.restore(id)
    if image then
      local roots, mine = F.lines(image[ROOTS]), {}
      F.load(roots)
      for _, root in ipairs(roots) do
        if nodes[root] and nodes[root][STATE] == 'f' and F.hasLine(nodes[root][IMAGES], id) then mine[#mine + 1] = root end
      end
      if #mine > 0 then
        choose(mine)
        if not images[id] then opened[id] = image end
      end
    end
  end
  table.sort(failed, function(a, b) return nodes[a][NUMBER] < nodes[b][NUMBER] end)
  for _, key in ipairs(failed) do
    -- Whoever is open waits for it again, though another asked.
    for _, id in ipairs(F.lines(nodes[key][IMAGES])) do
      local image = F.moving(id)
      if image then F.waitAgain(id, image, key) end
    end
  end
  for id, image in pairs(opened) do
    for _, root in ipairs(F.lines(image[ROOTS])) do
      local node = nodes[root]
      if node and node[STATE] ~= 'd' and F.hasLine(node[IMAGES], id) then image[PENDING] = image[PENDING] + 1 end
    end
    F.admit(id, image)
  end
  for _, key in ipairs(failed) do
    local node = nodes[key]
    F.enter(node, 'w')
    node[MISSING] = 0
    node[BY] = ''
    changed[key] = true
  end
  F.write('ZREM', 'failed', failed)
  for _, key in ipairs(failed) do F.place(key) end
end

function F.held(key, fence)
  local node = F.get(key)
  return node and node[STATE] == 'l' and node[FENCE] == tonumber(fence) and node
end

function F.unlease(key, node) call('SREM', P .. 'leases:' .. node[BY], key) end

-- What a worker is told of a node that it holds now. A script leases to one worker.
local leased, lessee = {}
function F.lease(key, worker, out)
  local node = nodes[key]
  F.enter(node, 'l')
  node[FENCE] = node[FENCE] + 1
  node[BY] = worker
  changed[key] = true
  lessee = worker
  leased[#leased + 1] = key
  local holders = ''
  if F.isBlob(key) then
    local repository = F.repositoryOf(key)
    for _, holder in ipairs(F.lines(F.sharedOf(key).holders)) do
      if holder ~= repository then holders = holders == '' and holder or holders .. '\n' .. holder end
    end
  end
  for _, value in ipairs({ key, node[FENCE], node[REPLANS], node[AGAIN], F.now() - node[SINCE], holders, node[LINKS], bodies[key] or call('HGET', P .. 'bodies', key) or '' }) do
    out[#out + 1] = value
  end
end

-- A batch: [state, fence, worker, images]. The image is to be resolved in it, by whoever holds it.
function F.heldBatch(number, fence)
  local value = call('HGET', P .. 'batches', number)
  local batch = value and cmsgpack.unpack(value)
  return batch and batch[1] == 'l' and batch[2] == tonumber(fence) and batch
end

function F.makeBatch(ids)
  local number = string.format('%.0f', call('HINCRBY', P .. 'states', 'batches', 1))
  for _, id in ipairs(ids) do images[id][BATCH] = number end
  call('HSET', P .. 'batches', number, cmsgpack.pack({ 'r', 0, '', table.concat(ids, '\n') }))
  call('ZADD', P .. 'ready', F.now(), 'batch ' .. number)
  return number
end

function F.returnBatch(number, batch)
  call('SREM', P .. 'leases:' .. batch[3], 'batch ' .. number)
  batch[1] = 'r'
  batch[3] = ''
  call('HSET', P .. 'batches', number, cmsgpack.pack(batch))
  call('ZADD', P .. 'ready', F.now(), 'batch ' .. number)
end

function F.leaveBatch(number, batch, id)
  local left = {}
  for _, other in ipairs(F.lines(batch[4])) do
    if other ~= id then left[#left + 1] = other end
  end
  if #left == 0 then
    call('HDEL', P .. 'batches', number)
    call('SREM', P .. 'leases:' .. batch[3], 'batch ' .. number)
  else
    batch[4] = table.concat(left, '\n')
    call('HSET', P .. 'batches', number, cmsgpack.pack(batch))
  end
end

-- Writes back what has changed. What is ready and was not leased is put among the ready.
function F.flush(taken)
  local list = {}
  for key in pairs(changed) do
    list[#list + 1] = key
    list[#list + 1] = cmsgpack.pack(nodes[key])
  end
  -- What is dropped may have been added anew.
  if lessee then F.write('SADD', 'leases:' .. lessee, leased) end
  F.write('SADD', 'done', marks)
  F.write('HDEL', 'nodes', finished)
  F.write('HDEL', 'bodies', finished)
  F.write('HSET', 'nodes', list)
  list = {}
  for key, body in pairs(bodies) do
    list[#list + 1] = key
    list[#list + 1] = body
  end
  F.write('HSET', 'bodies', list)
  list = {}
  for _, blob in pairs(shared) do
    if blob.changed then
      list[#list + 1] = blob.id
      list[#list + 1] = blob.leader and '>' .. blob.leader or blob.holders
    end
  end
  F.write('HSET', 'blobs', list)
  list = {}
  local gone = {}
  for id in pairs(changedImages) do
    if images[id] then
      list[#list + 1] = id
      list[#list + 1] = cmsgpack.pack(images[id])
    else gone[#gone + 1] = id end
  end
  F.write('HSET', 'images', list)
  F.write('HDEL', 'images', gone)
  list = {}
  for id, result in pairs(results) do
    list[#list + 1] = id
    list[#list + 1] = result
  end
  F.write('HSET', 'results', list)
  list = {}
  for i = taken + 1, #readied do
    list[#list + 1] = F.now()
    list[#list + 1] = readied[i]
  end
  F.write('ZADD', 'ready', list)
  for name, by in pairs(counted) do if by ~= 0 then call('HINCRBY', P .. 'counts', name, by) end end
  for name, by in pairs(states) do if by ~= 0 then call('HINCRBY', P .. 'states', name, by) end end
end

-- Leases the first of what is ready, as far as there is room; writes all back; the answer is a list, each part behind its length.
function F.progress(worker, most, bytes)
  local taken, leases = 0, {}
  if worker and isRunning then
    local room = tonumber(bytes)
    for i = 1, math.min(tonumber(most), #readied) do
      local key = readied[i]
      if F.isBlob(key) then room = room - F.sizeOf(key) end
      if room < 0 or nodes[key][STATE] ~= 'r' then break end
      F.lease(key, worker, leases)
      taken = i
    end
  end
  F.flush(taken)
  local out = { #readied - taken }
  for i = taken + 1, #readied do out[#out + 1] = readied[i] end
  out[#out + 1] = taken
  for _, value in ipairs(leases) do out[#out + 1] = value end
  out[#out + 1] = #settled
  for _, image in ipairs(settled) do for _, value in ipairs(image) do out[#out + 1] = value end end
  return out
end
