--- The one place that touches the network. It blocks, so it runs in a process of its own wherever there can be one.

local http = require("socket.http")
local ltn12 = require("ltn12")
local socket = require("socket")
local socketutil = require("socketutil")

local transport = {}

-- Seconds for one wait on the socket and for the whole answer, where the screen waits too.
local HERE_BLOCK_SECONDS = 2
local HERE_TOTAL_SECONDS = 4

-- The largest answers are lists of series; this is a hundred times that of a large library.
local MOST_TEXT_BYTES = 16 * 1024 * 1024

local REASONS = {
    { "timeout", "timeout" },
    { "wantread", "tls" },
    { "wantwrite", "tls" },
    { "handshake", "tls" },
    { "certificate", "tls" },
    { "ssl", "tls" },
    { "tls", "tls" },
    { "unknown protocol", "tls" },
    -- What OpenSSL says of a server that speaks plain HTTP.
    { "wrong version number", "tls" },
    { "record layer", "tls" },
    { "packet length too long", "tls" },
    { "unsupported protocol", "tls" },
    { "no shared cipher", "tls" },
    { "unexpected eof", "tls" },
    { "not known", "name" },
    { "host not found", "name" },
    { "not found", "name" },
    { "no address", "name" },
    { "resolution", "name" },
    { "resolve", "name" },
    { "refused", "refused" },
    { "unreachable", "unreachable" },
    { "no route", "unreachable" },
    { "closed", "closed" },
}

--- One word for what LuaSocket or LuaSec says: timeout, tls, name, refused, unreachable, closed or other.
function transport.reason(message)
    local text = tostring(message):lower()
    for _, known in ipairs(REASONS) do
        if text:find(known[1], 1, true) then
            return known[2]
        end
    end
    return "other"
end

--- The same sink, but it takes no more than so many bytes: what is kept whole in memory must not fill it.
local function bounded(sink, most)
    return function(chunk, message)
        most = most - #(chunk or "")
        if most < 0 then
            return nil, "too much"
        end
        return sink(chunk, message)
    end
end

--- Make a request. `request`: method, url, headers, body or nil, and `file`, a handle that takes the answer's body.
--
-- Answers the status, the headers and, without a file, the body; or nil and a message. `seconds` bound each wait and,
-- without a file, the whole; where it has no process of its own (`is_alone`), it hurries whatever was said.
function transport.exchange(request, seconds, is_alone)
    local chunks = {}
    local block = is_alone and seconds or math.min(seconds, HERE_BLOCK_SECONDS)
    local total = is_alone and seconds or math.min(seconds, HERE_TOTAL_SECONDS)
    socketutil:set_timeout(block, request.file and is_alone and -1 or total)
    local did_run, status, headers = pcall(function()
        return socket.skip(
            1,
            http.request({
                url = request.url,
                method = request.method,
                headers = request.headers,
                source = request.body and ltn12.source.string(request.body),
                -- These keep to the limit for the whole, so they are made once it is set.
                sink = request.file and socketutil.file_sink(request.file)
                    or bounded(socketutil.table_sink(chunks), MOST_TEXT_BYTES),
                -- Following one would hand the key to whoever the other address belongs to.
                redirect = false,
            })
        )
    end)
    socketutil:reset_timeout()
    if did_run and type(status) == "number" then
        return status, headers or {}, table.concat(chunks)
    end
    return nil, tostring(status)
end

--- A task for `background`: make the request, and answer what `transport.unpack` reads.
function transport.task(request, seconds)
    return function(is_alone)
        local status, headers, text = transport.exchange(request, seconds, is_alone)
        if not status then
            return "\n" .. transport.reason(headers) .. "\n" .. headers
        end
        return status .. "\n" .. (headers["date"] or "") .. "\n" .. text
    end
end

--- Of what a task answered: the status, the text and the server's Date; or nil, the reason as one word, and a message.
function transport.unpack(packed)
    local status, word, rest = packed:match("^(%d*)\n([^\n]*)\n(.*)$")
    status = tonumber(status)
    if status then
        return status, rest, word
    end
    return nil, word or "other", rest or packed
end

return transport
