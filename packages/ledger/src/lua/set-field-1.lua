-- ARGV: name, value.
call('HSET', P .. 'meta', ARGV[1], ARGV[2])
return 1
