--- Speaks to the server and answers with one word and a table. Never raises.
--
-- "ok"       the server's answer is in the table
-- "unknown"  the server knows no such thing (its own 404)
-- "bad"      the server cannot read what was sent
-- "key"      the server refuses the key
-- "server"   the server is in trouble
-- "stranger" something else answered: a captive portal, a proxy, a redirection
-- "network"  nobody answered

local Client = {}
Client.__index = Client

local function is_tomes(answer)
    return type(answer) == "table" and answer.detail ~= nil
end

local function word_for(status, answer)
    if type(status) ~= "number" then
        return "network"
    elseif status >= 200 and status < 300 and type(answer) == "table" then
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
    return (tostring(value):gsub("[^%w%-_%.~]", function(character)
        return string.format("%%%02X", character:byte())
    end))
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

--- `given`: server_url, api_key, codec, and transport(request) → status, body, or nil, message.
function Client.new(given)
    return setmetatable({
        server_url = given.server_url,
        api_key = given.api_key,
        codec = given.codec,
        transport = given.transport,
    }, Client)
end

function Client:_ask(method, path, body, is_patient)
    local headers = {
        ["Authorization"] = "Bearer " .. self.api_key,
        ["Accept"] = "application/json",
        ["Accept-Encoding"] = "identity",
    }
    local content
    if body then
        content = self.codec.encode(body)
        if not content then
            return "bad", {}
        end
        headers["Content-Type"] = "application/json"
        headers["Content-Length"] = tostring(#content)
    end
    local did_run, status, text = pcall(self.transport, {
        method = method,
        url = self.server_url .. "/api" .. path,
        headers = headers,
        body = content,
        is_patient = is_patient,
    })
    if not did_run or type(status) ~= "number" then
        return "network", {}
    end
    local answer = type(text) == "string" and self.codec.decode(text) or nil
    return word_for(status, answer), answer or {}
end

--- Arguments whose value is nil or empty are left out.
function Client:get(path, arguments, is_patient)
    return self:_ask("GET", path .. query_of(arguments), nil, is_patient)
end

function Client:post(path, body, is_patient)
    return self:_ask("POST", path, body, is_patient)
end

return Client
