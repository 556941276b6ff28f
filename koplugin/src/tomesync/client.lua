--- Makes requests for the server and reads its answers, as one word and a table. Touches no network.
--
-- "ok"       the server's answer is in the table
-- "unknown"  the server knows no such thing (its own 404); the table may hold more
-- "bad"      the server cannot read what was sent, or does not want it
-- "key"      the server refuses the key
-- "server"   the server is in trouble
-- "stranger" something else answered: a captive portal, a proxy, a redirection
-- "network"  nobody answered; `reason` in the table says why, as `transport.reason` does

local Client = {}
Client.__index = Client

local function is_tomes(answer)
    return type(answer) == "table" and answer.detail ~= nil
end

local function word_for(status, answer)
    if status >= 200 and status < 300 and type(answer) == "table" then
        return "ok"
    elseif status >= 500 or status == 429 then
        return "server"
    elseif status == 401 and is_tomes(answer) then
        return "key"
    elseif status == 404 and is_tomes(answer) then
        return "unknown"
    elseif (status == 400 or status == 413 or status == 422) and is_tomes(answer) then
        return "bad"
    end
    return "stranger"
end

local function escaped(value)
    local text = tostring(value):gsub("[^%w%-_%.~]", function(character)
        return string.format("%%%02X", character:byte())
    end)
    return text
end

local function query_of(arguments)
    local names = {}
    for name, value in pairs(arguments or {}) do
        if value ~= "" then
            table.insert(names, name)
        end
    end
    table.sort(names)
    local parts = {}
    for _, name in ipairs(names) do
        table.insert(parts, escaped(name) .. "=" .. escaped(arguments[name]))
    end
    return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

--- `given`: server_url() → the address without a slash at its end, api_key, codec.
function Client.new(given)
    return setmetatable({ server_url = given.server_url, api_key = given.api_key, codec = given.codec }, Client)
end

--- A request as the transport takes it; nil if the body is nothing that JSON can hold.
--
-- `path` comes after `/api`. Arguments whose value is nil or empty are left out.
function Client:request(method, path, arguments, body)
    local headers = {
        ["Authorization"] = "Bearer " .. self.api_key,
        ["Accept"] = "application/json",
        ["Accept-Encoding"] = "identity",
    }
    local content
    if body then
        content = self.codec.encode(body)
        if not content then
            return nil
        end
        headers["Content-Type"] = "application/json"
        headers["Content-Length"] = tostring(#content)
    elseif method ~= "GET" then
        headers["Content-Length"] = "0"
    end
    local server_url = self.server_url()
    -- LuaSocket leaves out the brackets of an IPv6 address, and no server knows what is meant then.
    headers["Host"] = server_url:match("^%a+://(%[[^/]+)")
    return {
        method = method,
        server_url = server_url,
        url = server_url .. "/api" .. path .. query_of(arguments),
        headers = headers,
        body = content,
    }
end

--- What an answer means. `status` is nil where there was none; then `text` is the reason and `message` the whole.
function Client:read(status, text, message)
    if not status then
        return "network", { reason = text, message = message }
    end
    local answer = type(text) == "string" and self.codec.decode(text) or nil
    local word = word_for(status, answer)
    answer = answer or {}
    if word == "stranger" or word == "server" then
        answer = { status = status, is_page = type(text) == "string" and text:find("<", 1, true) ~= nil }
    end
    return word, answer
end

return Client
