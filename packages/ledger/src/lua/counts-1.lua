local state = call('HMGET', P .. 'states', 'w', 'r', 'l', 'd')
return {
  tonumber(state[1]) or 0, tonumber(state[2]) or 0, tonumber(state[3]) or 0, (tonumber(state[4]) or 0) + call('SCARD', P .. 'done'),
  call('ZCARD', P .. 'failed'), call('HLEN', P .. 'images'),
}
