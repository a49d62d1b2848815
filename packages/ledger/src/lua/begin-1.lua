-- Creates the record, unless it is there. ARGV: fields and their values by turns. Answers when it was created (ms).
local key = KEYS[1] .. 'meta'
local created = redis.call('HGET', key, 'created')
if created then return created end
local time = redis.call('TIME')
created = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', key, 'state', 'running', 'created', created, unpack(ARGV))
return created
