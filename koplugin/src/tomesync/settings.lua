--- What the reader has set, in a file of our own, and what this installation is called.
--
-- Pure but for the store: `store` is KOReader's LuaSettings, or anything with readSetting, saveSetting and flush.

local Settings = {}
Settings.__index = Settings

local FORMAT = 2

local DEFAULTS = {
    is_on = true,
    -- What to do about a place that was read later elsewhere: "auto", "ask" or "never".
    ahead = "auto",
    behind = "ask",
    -- A page left open is not being read for ever.
    idle_cap_seconds = 180,
}

local function is_choice(value)
    return value == "auto" or value == "ask" or value == "never"
end

local function is_text(value)
    return type(value) == "string" and value ~= ""
end

local function is_table(value)
    return type(value) == "table"
end

-- A file can be edited, and an older or newer plugin may mean something else by a name.
local CHECKS = {
    is_on = function(value)
        return type(value) == "boolean"
    end,
    ahead = is_choice,
    behind = is_choice,
    idle_cap_seconds = function(value)
        return type(value) == "number" and value > 0
    end,
    device_name = is_text,
    server_url = is_text,
    formats = is_table,
    servers = is_table,
}

local MIGRATIONS = {
    -- Version 8 kept in here what each book's place was; that is a file of its own now, and was for one server only.
    [1] = function(store)
        store:delSetting("places")
    end,
}

function Settings.open(store)
    local self = setmetatable({ store = store, is_changed = false }, Settings)
    self:_migrate()
    return self
end

function Settings:_migrate()
    local version = math.max(1, math.floor(tonumber(self.store:readSetting("format")) or 1))
    -- A newer one, after going back to an older plugin, is left as it is: what is not known does no harm.
    if version >= FORMAT then
        return
    end
    for step = version, FORMAT - 1 do
        MIGRATIONS[step](self.store)
    end
    self.store:saveSetting("format", FORMAT)
    self.is_changed = true
end

--- What is set, or what holds where nothing is. A value that cannot be right counts as nothing.
function Settings:get(name)
    local value = self.store:readSetting(name)
    local is_right = CHECKS[name]
    if value == nil or (is_right and not is_right(value)) then
        return DEFAULTS[name]
    end
    return value
end

--- nil goes back to the default.
function Settings:set(name, value)
    if value == nil then
        self.store:delSetting(name)
    else
        self.store:saveSetting(name, value)
    end
    self.is_changed = true
end

--- Nothing is written any more.
function Settings:close()
    self.is_closed = true
end

function Settings:flush()
    if self.is_closed then
        return
    end
    if self.is_changed then
        self.store:flush()
        self.is_changed = false
    end
end

return Settings
