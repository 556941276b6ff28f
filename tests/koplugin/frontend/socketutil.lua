local http = require("socket.http")
local https = require("ssl.https")
local ltn12 = require("ltn12")

local socketutil = {
    block_timeout = 60,
    total_timeout = -1,
    LARGE_BLOCK_TIMEOUT = 10,
    LARGE_TOTAL_TIMEOUT = 30,
    FILE_BLOCK_TIMEOUT = 15,
    FILE_TOTAL_TIMEOUT = 60,
    DEFAULT_BLOCK_TIMEOUT = 60,
    DEFAULT_TOTAL_TIMEOUT = -1,
    TIMEOUT_CODE = "timeout",
    SSL_HANDSHAKE_CODE = "wantread",
    SINK_TIMEOUT_CODE = "sink timeout",
    USER_AGENT = "KOReader/2026.07 (double) LuaSocket/3.0",
}

http.USERAGENT = socketutil.USER_AGENT

function socketutil:set_timeout(block_timeout, total_timeout)
    self.block_timeout = block_timeout or 5
    self.total_timeout = total_timeout or 15
    http.TIMEOUT, https.TIMEOUT = self.block_timeout, self.block_timeout
end

function socketutil:reset_timeout()
    self.block_timeout, self.total_timeout = self.DEFAULT_BLOCK_TIMEOUT, self.DEFAULT_TOTAL_TIMEOUT
    http.TIMEOUT, https.TIMEOUT = self.block_timeout, self.block_timeout
end

-- Whole seconds of the wall clock since the sink was made, and only where there is a limit: so it is in KOReader.
local function is_late(started)
    return os.time() - started > socketutil.total_timeout
end

function socketutil.table_sink(chunks)
    if socketutil.total_timeout < 0 then
        return ltn12.sink.table(chunks)
    end
    chunks = chunks or {}
    local started = os.time()
    return function(chunk)
        if chunk then
            if is_late(started) then
                return nil, socketutil.SINK_TIMEOUT_CODE
            end
            table.insert(chunks, chunk)
        end
        return 1
    end,
        chunks
end

function socketutil.file_sink(handle, message)
    if socketutil.total_timeout < 0 then
        return ltn12.sink.file(handle, message)
    end
    if not handle then
        return nil, message or "unable to open file"
    end
    local started = os.time()
    return function(chunk)
        if not chunk then
            handle:close()
            return 1
        elseif is_late(started) then
            handle:close()
            return nil, socketutil.SINK_TIMEOUT_CODE
        end
        return handle:write(chunk)
    end
end

return socketutil
