-- LuaSocket's request in its table form, over a real connection.

local http = { TIMEOUT = 60, USERAGENT = "LuaSocket 3.0" }

local DEFAULT_PORTS = { http = "80", https = "443" }

local function body_of(request)
    if not request.source then
        return nil
    end
    local chunks = {}
    for chunk in request.source do
        table.insert(chunks, chunk)
    end
    return table.concat(chunks)
end

local function headers_of(request, url)
    local parts = host.url(url)
    local name = parts.host or ""
    if parts.port and parts.port ~= DEFAULT_PORTS[parts.scheme] then
        name = name .. ":" .. parts.port
    end
    local headers = { ["user-agent"] = http.USERAGENT, host = name, connection = "close, TE", te = "trailers" }
    if request.source then
        headers["transfer-encoding"] = "chunked"
    end
    for given, value in pairs(request.headers or {}) do
        headers[given:lower()] = tostring(value)
    end
    if headers["content-length"] then
        headers["transfer-encoding"] = nil
    end
    return headers
end

local function follows(request, status, headers, hops)
    local is_read = request.method == nil or request.method == "GET" or request.method == "HEAD"
    return request.redirect ~= false
        and is_read
        and not request.source
        and headers.location
        and hops < (request.maxredirects or 5)
        and (status == 301 or status == 302 or status == 303 or status == 307)
end

--- The body's pieces into the sink, as ltn12's pump does it. An error in the sink passes through.
local function pump(number, request)
    local ltn12 = require("ltn12")
    local function source()
        return host.http_piece(number)
    end
    local did_run, is_done, message = pcall(ltn12.pump.all, source, request.sink or ltn12.sink.null(), request.step)
    if not did_run then
        host.http_close(number, "error")
        error(is_done, 0)
    end
    host.http_close(number, not is_done and tostring(message) or nil)
    return is_done, message
end

local function answer_to(request, url, hops)
    local total = require("socketutil").total_timeout
    local number, status, headers, line =
        host.http_open(request.method or "GET", url, headers_of(request, url), body_of(request), http.TIMEOUT, total)
    if not number then
        return nil, status
    end
    if follows(request, status, headers, hops) then
        host.http_close(number)
        return answer_to(request, host.url_join(url, headers.location), hops + 1)
    end
    local is_done, message = pump(number, request)
    if not is_done then
        return nil, message
    end
    return 1, status, headers, line
end

function http.request(request)
    assert(type(request) == "table", "only the table form stands in here")
    return answer_to(request, request.url, 0)
end

return http
