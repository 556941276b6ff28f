--- What lives as long as KOReader runs: plugin instances come and go with every book.

local DataStorage = require("datastorage")
local Device = require("device")
local LuaSettings = require("luasettings")
local sha2 = require("ffi/sha2")

local Client = require("tomesync/client")
local Outbox = require("tomesync/outbox")
local Places = require("tomesync/places")
local Sync = require("tomesync/sync")
local baked = require("tomesync/baked")
local json = require("tomesync/json")
local storage = require("tomesync/storage")
local transport = require("tomesync/transport")
local uuid = require("tomesync/uuid")

local Service = {}
Service.__index = Service

local SETTINGS_FILE = DataStorage:getSettingsDir() .. "/tomesync.lua"
Service.settings_file = SETTINGS_FILE

-- One file for each reader: what one has read on a shared device must not be sent as another's.
local function outbox_file()
    local name = sha2.md5(baked.username):sub(1, 8)
    return string.format("%s/tomesync-outbox-%s.jsonl", DataStorage:getSettingsDir(), name)
end

local the_service

local function opened()
    local settings = LuaSettings:open(SETTINGS_FILE)
    local device_id = G_reader_settings:readSetting("device_id") or settings:readSetting("device_id")
    if not device_id then
        device_id = uuid.new()
        settings:saveSetting("device_id", device_id)
    end
    local stored = settings:readSetting("places")
    if type(stored) ~= "table" or stored.username ~= baked.username then
        stored = { username = baked.username, revisions = {} }
        settings:saveSetting("places", stored)
    end
    local places = Places.new(stored)
    local outbox = Outbox.open(storage.at(outbox_file()), json)
    local sync = Sync.new({
        outbox = outbox,
        places = places,
        clock = os.time,
        client = Client.new({
            server_url = baked.server_url,
            api_key = baked.api_key,
            codec = json,
            transport = transport,
        }),
        device = {
            id = device_id,
            name = Device.model,
            model = Device.model,
            plugin_version = baked.version,
        },
    })
    sync.last_sync_at = tonumber(settings:readSetting("last_sync_at"))
    return setmetatable({
        settings = settings,
        device_id = device_id,
        outbox = outbox,
        places = places,
        sync = sync,
        is_changed = false,
    }, Service)
end

--- The one service of this process, opened when first asked for.
function Service.get()
    the_service = the_service or opened()
    return the_service
end

function Service:is_on()
    return self.settings:nilOrTrue("is_on")
end

function Service:switch()
    self.settings:flipNilOrTrue("is_on")
    self.is_changed = true
end

function Service:flush_settings()
    if self.sync.last_sync_at ~= self.settings:readSetting("last_sync_at") then
        self.settings:saveSetting("last_sync_at", self.sync.last_sync_at)
        self.is_changed = true
    end
    if self.is_changed or self.places.is_changed then
        self.settings:flush()
        self.is_changed, self.places.is_changed = false, false
    end
end

return Service
