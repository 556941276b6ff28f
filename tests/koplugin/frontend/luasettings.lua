-- A table in a Lua file, with the former one beside it as .old, as KOReader keeps its settings.

local LuaSettings = {}
LuaSettings.__index = LuaSettings

local function written(value, indent)
    if type(value) ~= "table" then
        return type(value) == "string" and string.format("%q", value) or tostring(value)
    end
    local lines = {}
    for key, inner in pairs(value) do
        assert(type(inner) ~= "function" and type(inner) ~= "userdata", "settings cannot hold this")
        table.insert(lines, string.format("%s    [%s] = %s,\n", indent, written(key), written(inner, indent .. "    ")))
    end
    return "{\n" .. table.concat(lines) .. indent .. "}"
end

local function stored_in(path)
    local did_run, data = pcall(dofile, path)
    return did_run and data or nil
end

function LuaSettings:open(path)
    return setmetatable({ file = path, data = stored_in(path) or stored_in(path .. ".old") or {} }, LuaSettings)
end

function LuaSettings:readSetting(key, default)
    if default and self.data[key] == nil then
        self.data[key] = default
    end
    return self.data[key]
end

function LuaSettings:saveSetting(key, value)
    self.data[key] = value
    return self
end

function LuaSettings:delSetting(key)
    self.data[key] = nil
    return self
end

function LuaSettings:isTrue(key)
    return self.data[key] == true
end

function LuaSettings:nilOrTrue(key)
    return self.data[key] == nil or self.data[key] == true
end

function LuaSettings:flipNilOrTrue(key)
    if self:nilOrTrue(key) then
        self.data[key] = false
    else
        self.data[key] = nil
    end
    return self
end

function LuaSettings:flush()
    os.rename(self.file, self.file .. ".old")
    local file = assert(io.open(self.file, "wb"))
    file:write("return ", written(self.data, ""), "\n")
    file:close()
    return self
end

return LuaSettings
