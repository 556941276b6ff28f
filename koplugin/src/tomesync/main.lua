--- The plugin as KOReader sees it: what happens on which event.
--
-- Two rules hold everywhere. First onto the disk, then onto the network. And what the reader did not ask for brings up
-- neither Wi-Fi nor a message, but for the one question where to read on.

local Dispatcher = require("dispatcher")
local UIManager = require("ui/uimanager")
local WidgetContainer = require("ui/widget/container/widgetcontainer")

local Book = require("tomesync/book")
local Connection = require("tomesync/connection")
local Service = require("tomesync/service")
local Session = require("tomesync/session")
local _ = require("tomesync/gettext")
local actions = require("tomesync/actions")
local guard = require("tomesync/guard")
local menu = require("tomesync/menu")
local moving = require("tomesync/moving")
local times = require("tomesync/times")
local uuid = require("tomesync/uuid")

-- After so many page turns the place is sent, once the reader has rested on a page for a moment: never inside the turn.
local HEARTBEAT_TURNS = 50
-- After so many it is kept on disk, which bounds what a crash can cost.
local KEEPING_TURNS = 10
local KEEPING_SECONDS = 120
local REST_SECONDS = 3
-- A server that did not answer is asked again after this, though nothing happens.
local RETRY_SECONDS = 600
-- "Connected" means an address; routes and names need a moment more. And a device that wakes says so more than once.
local CONNECTED_REST_SECONDS = 1
-- A clock that is put right can be off by some seconds before, or by an hour where a zone was wrong.
local FUTURE_SECONDS = 3700
-- The page is to be on the screen before anything else.
local PAINTING_SECONDS = 0.5

local TomeSync = WidgetContainer:extend({
    name = "tomesync",
    is_doc_only = false,
    settings_file = Service.settings_file,
})

function TomeSync:init()
    self.service = Service.get()
    self.book = nil
    self.session = nil
    self.turns_to_tell = 0 -- page turns since the place was last kept
    self.turns_to_send = 0 -- and since it was last sent
    self.has_turned, self.had_turned = false, false -- since the reader came to the book, and before the last turn
    self.wants_place = false
    self.did_turn_just_now, self.is_new_layout = false, false -- within this round of KOReader's loop
    self.tick_task = guard(function()
        self.did_turn_just_now, self.is_new_layout = false, false
    end)
    self.open_task = guard(function()
        self:_open()
    end)
    self.catch_up_task = guard(function()
        self:catch_up()
    end)
    self.rest_task = guard(function()
        self:_rest()
    end)
    self.ui.menu:registerToMainMenu(self)
    self:onDispatcherRegisterActions()
end

-- What the reader sees

function TomeSync:addToMainMenu(menu_items)
    menu_items.tomesync = menu.entry(self)
end

function TomeSync:onDispatcherRegisterActions()
    actions.register(Dispatcher)
end

function TomeSync:onTomeSyncNow()
    actions.sync_now(self)
end

function TomeSync:onTomeSyncBrowseSeries()
    actions.browse_series(self)
end

function TomeSync:onTomeSyncDownloadRest()
    actions.download_of_book(self, "rest")
end

function TomeSync:onTomeSyncDownloadSeries()
    actions.download_of_book(self, "all")
end

function TomeSync:onTomeSyncInbox()
    actions.show_inbox(self)
end

function TomeSync:onTomeSyncToggle()
    self:switch()
    actions.say_whether_on(self)
end

--- Turn it off and on again; what was read until then is kept.
function TomeSync:switch()
    local settings = self.service.settings
    if self.service:is_on() then
        self:_end_session()
        settings:set("is_on", false)
        self.service:break_off()
    else
        settings:set("is_on", true)
        self:_open()
    end
    settings:flush()
end

--- Go on with the server at the address that is set now. What was read until then was read for the one before.
function TomeSync:change_server()
    local was_reading = self.session ~= nil
    self:_end_session()
    self.service:change_server()
    if was_reading then
        self:_start_session()
    end
    -- The other server has not been asked yet about the open book.
    self.wants_place = self.book ~= nil
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
    self:_start_anew()
    self.wants_place = true
    self:_schedule(PAINTING_SECONDS, self.catch_up_task)
end

--- When this book was last read on this device; after a crash the outbox may know better.
function TomeSync:_known_reading()
    local known = self.service.books:last_read_at(self.book.file)
    local kept = times.seconds(self.service.outbox:read_at(self.book.file))
    local latest = known and kept and math.max(known, kept) or known or kept
    -- From a clock that was wrong, and set back since: it would keep every place away until that time comes.
    return latest and latest - os.time() < FUTURE_SECONDS and latest or nil
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
    self:_note_layout()
    if self.book then
        self.book.is_partly_rendered = false
    end
end

--- After a change of font KOReader first lays out only what is on the screen; the rest follows when it is opened anew.
function TomeSync:onDocumentPartiallyRerendered()
    self:_note_layout()
    if self.book then
        self.book.is_partly_rendered = true
    end
end

function TomeSync:onCloseDocument()
    self:_end_session()
    self:_unschedule()
    self.book = nil
    self.wants_place = false
    -- In the background: what was read is on disk already, and no book is to wait for a server. But KOReader may end
    -- next, so not behind a question about this book.
    self.service:drop_question()
    self.service:catch_up({})
end

function TomeSync:onSuspend()
    self.is_asleep = true
    self:_end_session()
    -- On some devices what is shown while asleep is not painted yet.
    UIManager:forceRePaint()
    self:_send_now()
end

function TomeSync:onResume()
    self.is_asleep = false
    self.service.connection:try_again()
    self:_begin_anew()
    self:_schedule(CONNECTED_REST_SECONDS, self.catch_up_task)
end

--- Some devices resume what was never suspended.
function TomeSync:_begin_anew()
    if self.book and self.book:is_open() and self.service:is_on() and not self.is_asleep then
        if not self.session then
            self:_start_anew()
        end
        self.wants_place = true
    end
end

function TomeSync:onNetworkConnected()
    self.service.connection:try_again()
    self:_begin_anew()
    self:_schedule(CONNECTED_REST_SECONDS, self.catch_up_task)
end

--- On devices that KOReader puts to sleep this is the last chance to send: Wi-Fi goes before `Suspend` comes.
function TomeSync:onNetworkDisconnecting()
    if self.session and self.session:record(os.time()) then
        self:_end_session()
        self:_start_session()
    else
        self:_keep()
    end
    self:_send_now()
end

--- Comes every some minutes too, and so bounds what a crash can cost.
function TomeSync:onFlushSettings()
    self:_keep()
    self.service:save()
end

function TomeSync:onCloseWidget()
    -- What is under way ends later, and must set no timer of this instance any more.
    self.is_gone = true
    self:_unschedule()
    moving.forget(self)
end

--- KOReader calls it when the plugin is turned off or deleted; until the restart nothing more is done then.
function TomeSync:stopPlugin()
    self:_end_session()
    self:_unschedule()
    self.service:stop()
end

--- And this before it, where all that the plugin keeps is to go, too.
function TomeSync:deletePluginSettings()
    self.session = nil
    self:_unschedule()
    self.service:forget_everything()
end

-- Keeping

--- The reader comes to the book: what they have read until now was before.
function TomeSync:_start_anew()
    self.last_read_at = self:_known_reading()
    self.has_turned, self.had_turned = false, false
    self:_start_session()
end

function TomeSync:_start_session()
    self.turns_to_tell, self.turns_to_send = 0, 0
    self.kept_at = os.time()
    self.session = Session.start({
        uuid = uuid.new(self.service.device_id),
        now = os.time(),
        page = self.book:page(),
        progress = self.book:fraction(),
        cap_seconds = self.service.settings:get("idle_cap_seconds"),
    })
end

--- What KOReader tells in one go, before it looks for the next tap, is one turn at most, and none if the layout is new.
function TomeSync:_note_page(page)
    if self.is_asleep then
        -- Nobody turns pages on a device that sleeps: it has not said that it woke.
        self.is_asleep = false
        self:_begin_anew()
    end
    if not self.session or page == nil then
        return
    end
    if self.is_new_layout or self.did_turn_just_now then
        self.session.page = page
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
    self.did_turn_just_now = true
    self:_schedule(0, self.tick_task)
    self.had_turned, self.has_turned = self.has_turned, true
    self.turns_to_tell = self.turns_to_tell + 1
    self.turns_to_send = self.turns_to_send + 1
    local is_long_ago = now - self.kept_at >= KEEPING_SECONDS
    if is_long_ago or self.turns_to_tell >= KEEPING_TURNS or self.turns_to_send >= HEARTBEAT_TURNS then
        self:_schedule(REST_SECONDS, self.rest_task)
    end
end

function TomeSync:_note_layout()
    if self.did_turn_just_now and self.session then
        self.session:take_back_turn()
        self.turns_to_tell = math.max(0, self.turns_to_tell - 1)
        self.turns_to_send = math.max(0, self.turns_to_send - 1)
        self.has_turned = self.had_turned
    end
    self.did_turn_just_now, self.is_new_layout = false, true
    self:_schedule(0, self.tick_task)
end

--- The session so far as the outbox takes it, or nil.
function TomeSync:_session_record()
    local record = self.session:record(os.time(), self.book:fraction())
    if record then
        record.file = self.book.file
        record.ko_md5 = self.book.ko_md5
        record.device = self.service:device().name
    end
    return record
end

--- The place if pages were turned since it was last kept: opening a book alone says nothing about where one is.
function TomeSync:_place_record()
    local place = self.turns_to_tell > 0 and self.book:place()
    if not place or not place.fraction then
        return nil
    end
    self.service.books:remember_reading(self.book.file, self.session.turned_at, place)
    -- Nobody has shown this device a place where there is no revision: that is said, too.
    local revision = self.service.books:revision(self.book.file) or 0
    return self:_position(place, self.session.turned_at, revision)
end

function TomeSync:_position(place, read_at, base_revision)
    return {
        file = self.book.file,
        ko_md5 = self.book.ko_md5,
        percentage = place.fraction,
        progress = place.progress,
        device = self.service:device().name,
        read_at = times.iso(read_at),
        base_revision = base_revision,
    }
end

--- Put onto the disk how far it has come; the session goes on.
function TomeSync:_keep()
    if not self.session or not self.book:is_open() then
        return
    end
    self.service.outbox:record({ draft = self:_session_record(), position = self:_place_record() })
    self.turns_to_tell = 0
    self.kept_at = os.time()
end

function TomeSync:_end_session()
    if not self.session then
        return
    end
    local session, position = self:_session_record(), self:_place_record()
    self.session = nil
    self.turns_to_tell, self.turns_to_send = 0, 0
    self.service.outbox:record({ session = session, position = position })
    self.service:save_books()
end

--- The reader rests on a page.
function TomeSync:_rest()
    self:_keep()
    if self.turns_to_send >= HEARTBEAT_TURNS then
        self.turns_to_send = 0
        -- With the question where the book was read elsewhere, if that could not be asked so far.
        self:catch_up()
    end
end

-- Sending and asking

--- The screen waits, since afterwards there is no network, or nobody to send.
function TomeSync:_send_now()
    UIManager:unschedule(self.catch_up_task)
    self.service:flush_now()
end

--- First what was read elsewhere, then what was read here. `on_end(word)` is called where the reader has asked for it.
function TomeSync:catch_up(is_asked, on_end)
    -- The place goes along if pages were turned since it was last told.
    self:_keep()
    local book = self.book
    local wish = { is_asked = is_asked }
    wish.on_end = function(word)
        if not self.is_gone and (Connection.is_failure(word) or word == "paused") then
            self:_schedule(RETRY_SECONDS, self.catch_up_task)
        end
        if on_end then
            on_end(word)
        end
    end
    if self.wants_place and book and book:is_open() then
        wish.file = book.file
        wish.path = self.ui.document.file
        wish.locator = book:locator_kind()
        wish.is_wanted = function()
            return self.book == book and book:is_open() and (is_asked or self.service:is_on())
        end
        wish.on_none = function()
            self.wants_place = false
        end
        wish.on_place = function(place)
            self.wants_place = false
            moving.on_place(self, place, is_asked)
        end
    end
    self.service:catch_up(wish)
end

--- Sync now, because the reader wants it. `on_end(word)` is called in the end.
function TomeSync:sync_as_asked(on_end)
    self.wants_place = self.book ~= nil
    -- A place that was read before the last page turn here is no news, however long the book has been open.
    self:_keep()
    self.last_read_at = self.book and self:_known_reading()
    self:catch_up(true, on_end)
end

--- Whether the open book is one of the server's.
function TomeSync:is_matched()
    local known = self.book and self.service.books:find(self.book.file)
    return known ~= nil and known.book_id ~= nil
end

--- The jump is no page turned, and what lies between was not read here, so a session ends before it. The place that is
--- left was given up for the other one: it is not told. False if the jump led somewhere else and was taken back.
function TomeSync:go_to(place)
    local was_reading = self.session ~= nil
    self.turns_to_tell = 0
    self:_end_session()
    local did_land = self.book:go_to(place)
    if did_land then
        self.service.books:remember_told(self.book.file, self.book:place())
    end
    if was_reading then
        self:_start_anew()
    end
    return did_land
end

--- The reader stays where they are, though they know of that place: so what waits to be told follows it.
function TomeSync:stay(place)
    local books, file = self.service.books, self.book.file
    local was_refused = books:is_undecided(file)
    books:remember_revision(file, place.revision, os.time(), place.read_at)
    self.service.outbox:rebase(file, place.revision)
    if was_refused then
        self:_tell_again(place.revision)
    end
end

--- What the server has refused, now that this device knows what it was refused for.
function TomeSync:_tell_again(revision)
    local told, read_at = self.service.books:told(self.book.file), self:_known_reading()
    if told and told.fraction and read_at then
        self.service.outbox:record({
            draft = self.service.outbox:present_draft(),
            position = self:_position(told, read_at, revision),
        })
    end
end

-- Timers

function TomeSync:_schedule(seconds, task)
    UIManager:unschedule(task)
    UIManager:scheduleIn(seconds, task)
end

function TomeSync:_unschedule()
    for _index, task in ipairs({ self.tick_task, self.open_task, self.catch_up_task, self.rest_task }) do
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
