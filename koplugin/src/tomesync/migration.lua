--- Takes over what earlier versions of this plugin have left: sessions that they could not send, and nothing else.

local DataStorage = require("datastorage")
local LuaSettings = require("luasettings")
local lfs = require("libs/libkoreader-lfs")
local logger = require("logger")
local sha2 = require("ffi/sha2")

local Book = require("tomesync/book")
local Connection = require("tomesync/connection")
local Outbox = require("tomesync/outbox")
local baked = require("tomesync/baked")
local guard = require("tomesync/guard")
local json = require("tomesync/json")
local storage = require("tomesync/storage")

local migration = {}

-- What the older plugin of this name told its server of a session; the names are still right.
local SESSION_FIELDS = {
    "session_uuid",
    "started_at",
    "ended_at",
    "duration_seconds",
    "progress_start",
    "progress_end",
    "pages_turned",
}

--- Version 8 kept one outbox for each reader, whatever the server; its lines are today's. True unless it is still
--- needed: what cannot be written here is not to be lost there.
local function adopt_outbox_of_version_8(service)
    local name = sha2.md5(baked.username):sub(1, 8)
    local path = string.format("%s/tomesync-outbox-%s.jsonl", DataStorage:getSettingsDir(), name)
    if lfs.attributes(path, "mode") ~= "file" then
        return true
    end
    if service.outbox:adopt(Outbox.open(storage.at(path), json)) then
        return os.remove(path)
    end
    return false
end

-- It kept its things among KOReader's settings, and later in a file of its own.
local function older_setting(name)
    local value = G_reader_settings:readSetting(name)
    local path = DataStorage:getSettingsDir() .. "/tomesync_state.lua"
    if value == nil and lfs.attributes(path, "mode") == "file" then
        value = LuaSettings:open(path):readSetting(name)
    end
    return type(value) == "table" and value or {}
end

local function session_of(item)
    local session = {}
    for _, field in ipairs(SESSION_FIELDS) do
        session[field] = item[field]
    end
    return type(session.session_uuid) == "string" and type(session.started_at) == "string" and session or nil
end

--- Its sessions name books by the ids of whatever server it spoke to, which say nothing here. But it also kept which
--- file each book was: those that are still there are asked about, and their sessions taken if they are books here.
local function note_older_sessions(service)
    local paths = {}
    for path, book_id in pairs(older_setting("tomesync_book_map")) do
        if type(path) == "string" and lfs.attributes(path, "mode") == "file" then
            paths[tostring(book_id)] = path
        end
    end
    local found, files = {}, {}
    for _, item in ipairs(older_setting("tomesync_pending_sessions")) do
        local session = type(item) == "table" and session_of(item)
        local path = session and paths[tostring(item.book_id)]
        if path then
            files[path] = files[path] or Book.file_at(path)
            session.file = files[path]
            session.ko_md5 = session.file.ko_md5
            table.insert(found, session)
        end
    end
    service.settings:set("older_sessions", #found > 0 and found or nil)
end

--- Once for each installation.
function migration.run(service)
    if service.settings:get("is_migrated") then
        return
    end
    -- Guarded, for whatever lies there, it is not to keep the plugin from starting.
    guard(note_older_sessions)(service)
    if guard(adopt_outbox_of_version_8)(service) then
        service.settings:set("is_migrated", true)
    end
end

--- Ask which books the older plugin's files are, inside a flow, and put their sessions into the outbox.
function migration.resolve_older(service)
    local waiting = service.settings:get("older_sessions")
    while type(waiting) == "table" and waiting[1] do
        local session = waiting[1]
        local is_whole = type(session) == "table" and type(session.file) == "table"
        local word = is_whole and service.sync:resolve(session.file) or "bad"
        if not Connection.was_heard(word) then
            return
        end
        if word == "ok" then
            -- Taken in twice, after a crash right here, it is still one session: its name says so.
            service.outbox:record({ session = session, draft = service.outbox:present_draft() })
        else
            logger.info("tomesync: a session of an older plugin belongs to no book here")
        end
        table.remove(waiting, 1)
        service.settings:set("older_sessions", #waiting > 0 and waiting or nil)
        service.settings:flush()
    end
end

return migration
