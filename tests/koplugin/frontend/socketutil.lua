local http = require("socket.http")
local ltn12 = require("ltn12")

local socketutil = { block_timeout = 60, total_timeout = -1 }

function socketutil:set_timeout(block_timeout, total_timeout)
    self.block_timeout = block_timeout or 5
    self.total_timeout = total_timeout or 15
    http.TIMEOUT = self.block_timeout
end

function socketutil:reset_timeout()
    self.block_timeout, self.total_timeout = 60, -1
    http.TIMEOUT = self.block_timeout
end

function socketutil.table_sink(chunks)
    return ltn12.sink.table(chunks)
end

return socketutil
