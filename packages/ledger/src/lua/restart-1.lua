-- The record does not run out any more.
call('HDEL', P .. 'meta', 'ended', 'secondPass')
for _, name in ipairs({ 'meta', 'counts', 'results', 'unlisted', 'dropped', 'uses', 'events' }) do call('PERSIST', P .. name) end
return 1
