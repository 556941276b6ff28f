local socket = {}

function socket.skip(count, ...)
    return select(count + 1, ...)
end

return socket
