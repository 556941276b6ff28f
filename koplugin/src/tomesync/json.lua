--- JSON that never raises, and where null is nil: KOReader's own null is a truthy value.

local logger = require("logger")
local rapidjson = require("rapidjson")

local json = {}

local function without_nulls(value)
    if type(value) ~= "table" then
        return value
    end
    for key, inner in pairs(value) do
        if inner == rapidjson.null then
            value[key] = nil
        else
            without_nulls(inner)
        end
    end
    return value
end

--- The table that the text holds; nil for anything else.
function json.decode(text)
    local did_run, value = pcall(rapidjson.decode, text)
    if did_run and type(value) == "table" then
        return without_nulls(value)
    end
    return nil
end

--- nil for what JSON cannot hold.
function json.encode(value)
    local did_run, text = pcall(rapidjson.encode, value)
    if not did_run then
        logger.warn("tomesync: this cannot be told in JSON:", text)
        return nil
    end
    return text
end

return json
