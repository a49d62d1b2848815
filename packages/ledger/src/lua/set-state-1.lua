-- ARGV: the state to come, '1' when it is an end, the states that it may follow.
for i = 3, #ARGV do
  if meta[1] == ARGV[i] then
    call('HSET', P .. 'meta', 'state', ARGV[1])
    if ARGV[2] == '1' then call('HSET', P .. 'meta', 'ended', F.now()) end
    return 1
  end
end
return 0
