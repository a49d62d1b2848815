-- Somebody wants what failed to be tried once more. One that is complete runs again for it, and its record does not run out any more.
-- ARGV: the state in which he saw it.
if meta[1] ~= ARGV[1] then return 0 end
call('HINCRBY', P .. 'meta', 'retries', 1)
if meta[1] == 'complete' then
  call('HSET', P .. 'meta', 'state', 'running')
  F.addIdle('ended')
  call('HDEL', P .. 'meta', 'secondPass')
  for _, name in ipairs({ 'meta', 'counts', 'results', 'unlisted', 'untagged', 'dropped', 'uses', 'events' }) do call('PERSIST', P .. name) end
end
return 1
