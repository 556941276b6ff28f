local rapidjson = { null = newproxy() }

function rapidjson.array(items)
    return setmetatable(items or {}, { __jsontype = "array" })
end

function rapidjson.object(items)
    return setmetatable(items or {}, { __jsontype = "object" })
end

-- Python must not call back into Lua from within a coroutine, so the marks are collected here.
local function collect_marks(value, marks)
    if type(value) == "table" then
        local meta = getmetatable(value)
        if meta and meta.__jsontype == "array" then
            marks[value] = true
        end
        for _, inner in pairs(value) do
            collect_marks(inner, marks)
        end
    end
    return marks
end

function rapidjson.encode(value)
    return host.json_encode(value, rapidjson.null, collect_marks(value, {}))
end

function rapidjson.decode(text)
    return host.json_decode(text, rapidjson.null)
end

return rapidjson
