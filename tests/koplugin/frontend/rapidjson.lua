local rapidjson = { null = newproxy() }

function rapidjson.array(items)
    return setmetatable(items or {}, { __jsontype = "array" })
end

local function is_marked_array(value)
    local meta = getmetatable(value)
    return meta ~= nil and meta.__jsontype == "array"
end

function rapidjson.encode(value)
    return host.json_encode(value, rapidjson.null, is_marked_array)
end

function rapidjson.decode(text)
    return host.json_decode(text, rapidjson.null)
end

return rapidjson
