--- The plugin as KOReader sees it: what happens on which event.
--
-- Two rules hold everywhere. First onto the disk, then onto the network. And what the reader did not ask for brings up
-- neither Wi-Fi nor a message, but for the one question where to read on.

local ConfirmBox = require("ui/widget/confirmbox")
local Dispatcher = require("dispatcher")
local NetworkMgr = require("ui/network/manager")
local UIManager = require("ui/uimanager")
local WidgetContainer = require("ui/widget/container/widgetcontainer")
local T = require("ffi/util").template
local _ = require("gettext")

local Book = require("tomesync/book")
local Service = require("tomesync/service")
local Session = require("tomesync/session")
local guard = require("tomesync/guard")
local menu = require("tomesync/menu")
local times = require("tomesync/times")
local uuid = require("tomesync/uuid")

-- After so many page turns the place is kept on disk and sent, once the reader has rested on a page for a moment:
-- sending blocks, and leafing on must not.
local HEARTBEAT_TURNS = 20
local HEARTBEAT_REST_SECONDS = 3
-- "Connected" means an address; routes and names need a moment more.
local CONNECTED_REST_SECONDS = 1
-- The page is to be on the screen before anything blocks, and taps are to be seen between two requests.
local PAINTING_SECONDS = 0.5

local TomeSync = WidgetContainer:extend{
    name = "tomesync",
    is_doc_only = false,
    settings_file = Service.settings_file,
}

function TomeSync:init()
    self.service = Service.get()
    self.book = nil
    self.session = nil
    self.turns_to_tell = 0
    self.wants_place = false
    self.open_task = guard(function() self:_open() end)
    self.catch_up_task = guard(function() self:_catch_up() end)
    self.place_task = guard(function() self:_ask_for_place() end)
    self.heartbeat_task = guard(function() self:_heartbeat() end)
    self.ui.menu:registerToMainMenu(self)
    self:onDispatcherRegisterActions()
end

-- What the reader sees

function TomeSync:addToMainMenu(menu_items)
    menu_items.tomesync = menu.entry(self)
end

function TomeSync:onDispatcherRegisterActions()
    Dispatcher:registerAction("tomesync_sync_now",
        { category = "none", event = "TomeSyncNow", title = _("Sync with Tome now"), general = true })
end

function TomeSync:onTomeSyncNow()
    menu.sync_now(self)
end

--- Turn it off and on again; what was read until then is kept.
function TomeSync:switch()
    if self.service:is_on() then
        self:_end_session()
        self.service:switch()
    else
        self.service:switch()
        self:_open()
    end
    self.service:flush_settings()
end

--- Send and ask, patiently. Answers the word of `Sync:flush`, or of what failed after it.
function TomeSync:sync_as_asked()
    self:_keep()
    local word = self.service.sync:flush(true)
    if word ~= "ok" and word ~= "nothing" then
        return word
    end
    if self.book and self.book:is_open() then
        self.wants_place = true
        local place_word = self:_ask_for_place(true)
        return place_word == "unknown" and word or place_word
    end
    return word
end

-- A book's time on the screen

function TomeSync:onReaderReady()
    -- One more PageUpdate is to come in this tick, and it is no turn either.
    UIManager:nextTick(self.open_task)
end

function TomeSync:_open()
    if not self.service:is_on() or not self.ui.document then
        return
    end
    self.book = self.book or Book.of(self.ui)
    self:_start_session()
    self.wants_place = true
    self:_schedule(PAINTING_SECONDS, self.catch_up_task)
end

function TomeSync:onPageUpdate(page)
    self:_note_page(page)
end

-- A scrolled EPUB sends no PageUpdate.
function TomeSync:onPosUpdate(_pos, page)
    self:_note_page(page)
end

--- A new layout gives the same text another page number.
function TomeSync:onDocumentRerendered()
    if self.session and self.session.last_was_turn then
        self.session:take_back_turn()
        self.turns_to_tell = math.max(0, self.turns_to_tell - 1)
    end
end

function TomeSync:onCloseDocument()
    self:_end_session()
    self:_unschedule()
    self:_send()
    self.book = nil
end

function TomeSync:onSuspend()
    self:_end_session()
    self:_send()
end

function TomeSync:onResume()
    if self.book and self.book:is_open() and self.service:is_on() then
        -- Some devices resume what was never suspended.
        if not self.session then
            self:_start_session()
        end
        self.wants_place = true
    end
    self:_schedule(CONNECTED_REST_SECONDS, self.catch_up_task)
end

function TomeSync:onNetworkConnected()
    self.service.sync:network_came()
    self:_schedule(CONNECTED_REST_SECONDS, self.catch_up_task)
end

--- On devices that KOReader puts to sleep this is the last chance to send: Wi-Fi goes before `Suspend` comes.
function TomeSync:onNetworkDisconnecting()
    if self.session and self.session:record(os.time()) then
        self:_end_session()
        self:_start_session()
    end
    self:_send()
end

function TomeSync:onNetworkDisconnected()
    self.service.sync:network_went()
end

--- Comes every some minutes too, and so bounds what a crash can cost.
function TomeSync:onFlushSettings()
    self:_keep()
    self.service:flush_settings()
end

function TomeSync:onCloseWidget()
    self:_unschedule()
end

function TomeSync:stopPlugin()
    self:_end_session()
    self:_unschedule()
    self.service:flush_settings()
end

-- Keeping

function TomeSync:_start_session()
    self.turns_to_tell = 0
    self.session = Session.start({
        uuid = uuid.new(self.service.device_id),
        now = os.time(),
        page = self.book:page(),
        progress = self.book:fraction(),
    })
end

function TomeSync:_note_page(page)
    if not self.session or page == nil then
        return
    end
    local now = os.time()
    if self.session:is_paused(now) then
        local page_before = self.session.page
        self:_end_session()
        self:_start_session()
        self.session.page = page_before
    end
    if not self.session:turn(page, now) then
        return
    end
    self.turns_to_tell = self.turns_to_tell + 1
    if self.turns_to_tell >= HEARTBEAT_TURNS then
        self:_schedule(HEARTBEAT_REST_SECONDS, self.heartbeat_task)
    end
end

--- The session so far as the outbox takes it, or nil.
function TomeSync:_session_record()
    local record = self.session:record(os.time(), self.book:fraction())
    if record then
        record.file = self.book.file
        record.ko_md5 = self.book.ko_md5
    end
    return record
end

--- The place if pages were turned since it was last kept: opening a book alone says nothing about where one is.
function TomeSync:_place_record()
    local fraction = self.turns_to_tell > 0 and self.book:fraction()
    if not fraction then
        return nil
    end
    return {
        file = self.book.file,
        ko_md5 = self.book.ko_md5,
        percentage = fraction,
        progress = self.book:progress(),
        read_at = times.iso(self.session.turned_at),
        base_revision = self.service.places:revision(self.book.ko_md5),
    }
end

--- Put onto the disk how far it has come; the session goes on.
function TomeSync:_keep()
    if not self.session or not self.book:is_open() then
        return
    end
    self.service.outbox:record({ draft = self:_session_record(), position = self:_place_record() })
    self.turns_to_tell = 0
end

function TomeSync:_end_session()
    if not self.session then
        return
    end
    local session, position = self:_session_record(), self:_place_record()
    self.session = nil
    self.turns_to_tell = 0
    self.service.outbox:record({ session = session, position = position })
end

function TomeSync:_heartbeat()
    self:_keep()
    self:_send()
end

-- Sending and asking

function TomeSync:_may_talk()
    return self.service:is_on() and NetworkMgr:isConnected()
end

function TomeSync:_send()
    if not self:_may_talk() then
        return "offline"
    end
    local word = self.service.sync:flush()
    -- Asked at the next occasion, not over the page that is being read.
    self.wants_place = self.wants_place or (self.book ~= nil and self.service.sync:is_behind(self.book.ko_md5))
    return word
end

--- First what was read here, then what was read elsewhere.
function TomeSync:_catch_up()
    local word = self:_send()
    if self.wants_place and (word == "ok" or word == "nothing") then
        self:_schedule(PAINTING_SECONDS, self.place_task)
    end
end

function TomeSync:_ask_for_place(is_asked)
    local book, sync = self.book, self.service.sync
    if not self.wants_place or not book or not book:is_open() then
        return nil
    end
    local word, book_id = sync:resolve(book.file, is_asked)
    if word == "unknown" then
        self.wants_place = false
    end
    if word ~= "ok" then
        return word
    end
    local place
    word, place = sync:place(book_id, book.ko_md5, book:locator_kind(), is_asked)
    if word ~= "ok" then
        self.wants_place = word ~= "unknown"
        return word
    end
    self.wants_place = false
    local known = self.service.places:revision(book.ko_md5)
    if book:is_at(place) or (place.revision == known and not is_asked) then
        self:_know(place)
    else
        self:_offer(place)
    end
    return word
end

--- From here on this device knows of that place, so what it tells later is no accident.
function TomeSync:_know(place)
    self.service.places:remember(self.book and self.book.ko_md5, place.revision, os.time())
end

local function percent(fraction)
    return math.floor(fraction * 100 + 0.5)
end

function TomeSync:_offer(place)
    local here = self.book:fraction() or 0
    UIManager:show(ConfirmBox:new{
        text = T(_("%1 was at %2 % of this book (%3). You are at %4 % here.\n\nGo to %2 %?"),
            place.device or _("Another device"), percent(place.percentage),
            times.to_show(place.read_at or place.updated_at) or "?", percent(here)),
        ok_text = _("Go there"),
        cancel_text = _("Stay here"),
        ok_callback = guard(function()
            if self.book and self.book:is_open() then
                self:_know(place)
                self:_go_to(place)
            end
        end),
        cancel_callback = guard(function()
            self:_know(place)
        end),
    })
end

--- The jump is no page turned, and what lies between was not read here, so a session ends before it. The place that is
--- left was given up for the other one: it is not told.
function TomeSync:_go_to(place)
    local was_reading = self.session ~= nil
    self.turns_to_tell = 0
    self:_end_session()
    self.book:go_to(place)
    if was_reading then
        self:_start_session()
    end
end

-- Timers

function TomeSync:_schedule(seconds, task)
    UIManager:unschedule(task)
    UIManager:scheduleIn(seconds, task)
end

function TomeSync:_unschedule()
    for _i, task in ipairs({ self.open_task, self.catch_up_task, self.place_task, self.heartbeat_task }) do
        UIManager:unschedule(task)
    end
end

-- Newer KOReaders catch errors in these, older ones do not. And none of them may swallow an event.
for name, handler in pairs(TomeSync) do
    if type(handler) == "function" and name:sub(1, 2) == "on" then
        local guarded = guard(handler)
        TomeSync[name] = function(...)
            guarded(...)
        end
    end
end

return TomeSync
