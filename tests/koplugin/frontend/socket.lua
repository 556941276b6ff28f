local socket = {}

function socket.skip(count, ...)
    return select(count + 1, ...)
end

function socket.gettime()
    return host.now()
end

function socket.sleep(seconds)
    host.pass(seconds)
end

return socket
