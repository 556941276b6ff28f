-- LuaSocket's request in its table form, over a real connection.

local http = { TIMEOUT = 60 }

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

local function follows(request, status, headers, hops)
    local is_read = request.method == nil or request.method == "GET" or request.method == "HEAD"
    return request.redirect ~= false and is_read and headers.location and hops < 5
        and (status == 301 or status == 302 or status == 303 or status == 307)
end

local function answer_to(request, url, hops)
    local total = require("socketutil").total_timeout
    local status, headers, body = host.http(
        request.method or "GET", url, request.headers or {}, body_of(request), http.TIMEOUT, total)
    if not status then
        return nil, headers
    end
    if follows(request, status, headers, hops) then
        return answer_to(request, headers.location, hops + 1)
    end
    if request.sink then
        request.sink(body)
        request.sink(nil)
    end
    return 1, status, headers, "HTTP/1.1 " .. status
end

function http.request(request)
    assert(type(request) == "table", "only the table form stands in here")
    return answer_to(request, request.url, 0)
end

return http
