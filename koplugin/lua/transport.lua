--- The one place that touches the network. It blocks the whole program, so its time-outs are short.

local http = require("socket.http")
local ltn12 = require("ltn12")
local socket = require("socket")
local socketutil = require("socketutil")

-- Seconds for one wait on the socket, and for the whole answer.
local HASTY = { 3, 8 }
local PATIENT = { 10, 20 }

--- `request`: method, url, headers, body or nil, is_patient. Answers the status and the text, or nil and a message.
return function(request)
    local chunks = {}
    local timeouts = request.is_patient and PATIENT or HASTY
    socketutil:set_timeout(timeouts[1], timeouts[2])
    local did_run, status = pcall(function()
        return (socket.skip(1, http.request({
            url = request.url,
            method = request.method,
            headers = request.headers,
            source = request.body and ltn12.source.string(request.body),
            sink = socketutil.table_sink(chunks),
            -- Following one would hand the key to whoever the other address belongs to.
            redirect = false,
        })))
    end)
    socketutil:reset_timeout()
    if not did_run or type(status) ~= "number" then
        return nil, tostring(status)
    end
    return status, table.concat(chunks)
end
