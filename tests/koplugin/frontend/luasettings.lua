-- A table in a Lua file, with the former one beside it as .old, as KOReader keeps its settings.

local files = require("files")
local lfs = require("libs/libkoreader-lfs")

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

--- KOReader's own, whose writing is no concern of a test of power cuts.
function LuaSettings:open_own(path)
    local settings = self:open(path)
    settings.is_own = true
    return settings
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

function LuaSettings:has(key)
    return self.data[key] ~= nil
end

function LuaSettings:hasNot(key)
    return self.data[key] == nil
end

function LuaSettings:isTrue(key)
    return self.data[key] == true
end

function LuaSettings:isFalse(key)
    return self.data[key] == false
end

function LuaSettings:nilOrTrue(key)
    return self.data[key] == nil or self.data[key] == true
end

function LuaSettings:nilOrFalse(key)
    return self.data[key] == nil or self.data[key] == false
end

function LuaSettings:makeTrue(key)
    self.data[key] = true
    return self
end

function LuaSettings:makeFalse(key)
    self.data[key] = false
    return self
end

function LuaSettings:toggle(key)
    self.data[key] = not self.data[key]
    return self
end

function LuaSettings:flipTrue(key)
    self.data[key] = not self.data[key] or nil
    return self
end

function LuaSettings:flipNilOrTrue(key)
    if self:nilOrTrue(key) then
        self.data[key] = false
    else
        self.data[key] = nil
    end
    return self
end

function LuaSettings:reset(data)
    self.data = data
    return self
end

function LuaSettings:purge()
    if self.file then
        os.remove(self.file)
    end
    return self
end

--- What was written in the last minute is overwritten where it lies; only what is older becomes .old.
function LuaSettings:flush()
    local rename, open = os.rename, io.open
    if self.is_own then
        rename, open = files.rename, files.open
    end
    local written_at = lfs.attributes(self.file, "modification")
    if written_at and written_at < os.time() - 60 then
        rename(self.file, self.file .. ".old")
    end
    local file = assert(open(self.file, "wb"))
    file:write("-- " .. self.file .. "\nreturn " .. written(self.data, "") .. "\n")
    files.sync(file)
    file:close()
    lfs.touch(self.file)
    return self
end

function LuaSettings:close()
    self:flush()
end

return LuaSettings
