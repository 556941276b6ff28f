--- What lives as long as KOReader runs: plugin instances come and go with every book.

local DataStorage = require("datastorage")
local Device = require("device")
local LuaSettings = require("luasettings")
local lfs = require("libs/libkoreader-lfs")
local sha2 = require("ffi/sha2")

local Books = require("tomesync/books")
local Breaker = require("tomesync/breaker")
local Client = require("tomesync/client")
local Connection = require("tomesync/connection")
local Outbox = require("tomesync/outbox")
local Settings = require("tomesync/settings")
local Sync = require("tomesync/sync")
local baked = require("tomesync/baked")
local downloads = require("tomesync/downloads")
local flow = require("tomesync/flow")
local guard = require("tomesync/guard")
local json = require("tomesync/json")
local migration = require("tomesync/migration")
local storage = require("tomesync/storage")
local uuid = require("tomesync/uuid")

local Service = {}
Service.__index = Service

local FOLDER = DataStorage:getSettingsDir()
Service.settings_file = FOLDER .. "/tomesync.lua"

-- A session's and a place's name for whoever is on a shared device, and for each server that they read with.
local function path_of(kind, owner, suffix)
    return string.format("%s/tomesync-%s-%s.%s", FOLDER, kind, sha2.md5(owner):sub(1, 8), suffix)
end

local function open_outbox(owner)
    return Outbox.open(storage.at(path_of("outbox", owner, "jsonl")), json)
end

local the_service

local function opened()
    local settings = Settings.open(LuaSettings:open(Service.settings_file))
    local device_id = G_reader_settings:readSetting("device_id") or settings:get("device_id")
    if not device_id then
        device_id = uuid.new()
        settings:set("device_id", device_id)
    end
    local self = setmetatable({ settings = settings, device_id = device_id }, Service)
    self.client = Client.new({
        server_url = function()
            return self:server_url()
        end,
        api_key = baked.api_key,
        codec = json,
    })
    self.connection = Connection.new({
        client = self.client,
        breaker = Breaker.new(os.time),
        is_on = function()
            return self:is_on()
        end,
    })
    self.sync = Sync.new({
        connection = self.connection,
        clock = os.time,
        device = function()
            return self:device()
        end,
        is_identified = function()
            return self.server_id ~= nil
        end,
        on_server = function(server_id)
            self:_belong_to(server_id)
        end,
    })
    self.sync.last_sync_at = tonumber(settings:get("last_sync_at"))
    self:open_stores()
    migration.run(self)
    self.settings:flush()
    return self
end

--- The one service of this process, opened when first asked for.
function Service.get()
    the_service = the_service or opened()
    return the_service
end

function Service:is_on()
    return not self.is_stopped and self.settings:get("is_on")
end

--- The address in use, without a slash at its end.
function Service:server_url()
    return self.settings:get("server_url") or baked.server_url
end

--- What the server is told of this device.
function Service:device()
    return {
        id = self.device_id,
        name = self.settings:get("device_name") or Device.model,
        model = Device.model,
        plugin_version = baked.version,
    }
end

-- Whose what is

function Service:_account()
    return self:server_url() .. " " .. baked.username
end

--- Open what belongs to the server at this address. One that has not said yet who it is has the address for a name.
function Service:open_stores()
    local servers = self.settings:get("servers") or {}
    self.server_id = servers[self:_account()]
    self:_open_stores_of(self.server_id and self.server_id .. " " .. baked.username or self:_account())
end

function Service:_open_stores_of(owner)
    self.owner = owner
    self.outbox = open_outbox(owner)
    self.books_storage = storage.at(path_of("books", owner, "json"))
    self.books = Books.new(json.decode(self.books_storage.read() or ""))
    self.sync.outbox, self.sync.books = self.outbox, self.books
end

--- The reader has changed the server's address.
function Service:change_server()
    self:break_off()
    self:save()
    self.connection:try_again()
    self:open_stores()
end

--- The server has said who it is. What was kept under its address alone is its from now on; what belongs to another
--- server stays where it is, and waits until that one is back.
function Service:_belong_to(server_id)
    if server_id == self.server_id then
        return
    end
    local was_known = self.server_id ~= nil
    local outbox, books = self.outbox, self.books
    local servers = self.settings:get("servers") or {}
    servers[self:_account()] = server_id
    self.settings:set("servers", servers)
    self.server_id = server_id
    self:save_books()
    self:_open_stores_of(server_id .. " " .. baked.username)
    if not was_known then
        self.outbox:adopt(outbox)
        self.books:adopt(books)
    end
    self.settings:flush()
end

-- Doing

--- One wish for two. A later one for a place stands for an earlier one, for there is one book on the screen, unless the
--- reader has asked for the earlier one. Whoever waits for the end of either hears of it.
local function joined(earlier, later)
    local is_same_book = later.file ~= nil and later.file == earlier.file
    local goes_first = later.file and (later.is_asked or not (is_same_book and earlier.is_asked))
    local wish = {}
    for name, value in pairs(goes_first and later or earlier) do
        wish[name] = value
    end
    wish.is_asked = earlier.is_asked or later.is_asked
    wish.on_end = function(word)
        for _, each in ipairs({ earlier, later }) do
            if each.on_end then
                guard(each.on_end)(word)
            end
        end
    end
    return wish
end

--- Nothing of what is going on or waits is wanted any more; who waits for its end is told nothing but that.
function Service:break_off()
    local running, waiting = self.running, self.waiting
    self.waiting = nil
    if running then
        running:cancel()
    end
    if waiting and waiting.on_end then
        guard(waiting.on_end)(nil)
    end
end

--- Say and ask what there is, in the background and one after the other. See `Sync:catch_up` for the wish.
--
-- `wish.on_end(word)` is called where there is one. A wish that comes while another is at work waits for it.
function Service:catch_up(wish)
    if self.running then
        self.waiting = self.waiting and joined(self.waiting, wish) or wish
        return
    end
    local word
    self.is_asking = wish.file ~= nil
    self.running = flow.start(function()
        migration.resolve_older(self)
        word = self.sync:catch_up(wish)
    end, function(was_cancelled)
        self.running = nil
        guard(self.save)(self)
        if wish.on_end then
            wish.on_end(word)
        end
        local waiting = self.waiting
        self.waiting = nil
        if waiting and not was_cancelled then
            self:catch_up(waiting)
        end
    end)
    -- A flow that never had to wait is over by now.
    if self.running and self.running.is_ended then
        self.running = nil
    end
end

--- The book about whose place is being asked is closed: nobody wants to know any more.
function Service:drop_question()
    if self.running and self.is_asking then
        self:break_off()
    end
end

--- Send what waits while the screen waits, five seconds at most.
function Service:flush_now()
    -- It sends the same, but nobody would be there to hear what became of it.
    self:break_off()
    local word = self.sync:flush_now()
    self:save()
    return word
end

-- Keeping

function Service:save_books()
    if self.books.is_changed and not self.is_forgotten then
        local text = json.encode(self.books.stored)
        if text and self.books_storage.write(text) then
            self.books.is_changed = false
        end
    end
end

--- Write what has changed. What was read has long been written then: these are things that can be asked again.
function Service:save()
    if self.is_forgotten then
        return
    end
    if self.sync.last_sync_at ~= self.settings:get("last_sync_at") then
        self.settings:set("last_sync_at", self.sync.last_sync_at)
    end
    self:save_books()
    self.settings:flush()
end

--- KOReader has turned the plugin off, but its code stays until the restart: from here on it does nothing.
function Service:stop()
    self:break_off()
    downloads.cancel()
    if not self.is_forgotten then
        self:save()
    end
    self.is_stopped = true
end

--- Remove the plugin's files in KOReader's settings: what the reader has set, what waits, what is known of books.
function Service:forget_everything()
    self:break_off()
    self.is_stopped, self.is_forgotten = true, true
    self.settings:close()
    os.remove(Service.settings_file)
    os.remove(Service.settings_file .. ".old")
    for name in lfs.dir(FOLDER) do
        if name:find("^tomesync%-%l+%-%x+%.") then
            os.remove(FOLDER .. "/" .. name)
        end
    end
end

return Service
