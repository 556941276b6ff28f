-- Starts the file manager, opens and closes documents, and sends the events around that in KOReader's own order.

local DataStorage = require("datastorage")
local LuaSettings = require("luasettings")

G_reader_settings = LuaSettings:open(DataStorage:getDataDir() .. "/settings.reader.lua")
G_reader_settings:saveSetting("device_id", host.device_id)

local real_time, real_date = os.time, os.date
function os.time(when)
    return when and real_time(when) or math.floor(host.now())
end
function os.date(format, when)
    return real_date(format, when or os.time())
end

local Event = require("ui/event")
local NetworkMgr = require("ui/network/manager")
local UIManager = require("ui/uimanager")
local WidgetContainer = require("ui/widget/container/widgetcontainer")

local koreader = {}

-- The plugin's class, loaded once as KOReader does

local function load_plugin(folder)
    local path_before = package.path
    package.path = folder .. "/?.lua;" .. path_before
    local class = assert(dofile(folder .. "/main.lua"), "main.lua gives no class")
    local meta = assert(dofile(folder .. "/_meta.lua"), "_meta.lua gives no table")
    package.path = path_before
    class.path, class.name = folder, "tomesync"
    for key, value in pairs(meta) do
        assert(key ~= "name", "a name in _meta.lua is ignored with a warning")
        class[key] = value
    end
    return class
end

local Plugin = load_plugin(host.plugin_dir)

-- What the reader's modules know

local Menu = WidgetContainer:extend{}
function Menu:init()
    self.entries = {}
end
function Menu:registerToMainMenu(plugin)
    table.insert(self.entries, plugin)
end

local Link = WidgetContainer:extend{}
function Link:init()
    self.stack = {}
end
function Link:addCurrentLocationToStack()
    table.insert(self.stack, self.ui.view:getLastProgress())
end

local Document = {}
Document.__index = Document

function Document.of(given)
    local xpointer_pages = {}
    for page = given.pages, 1, -1 do
        xpointer_pages[given.xpointers[page]] = page
    end
    return setmetatable({
        file = given.path,
        xpointers = given.xpointers,
        xpointer_pages = xpointer_pages,
        page = 1,
        info = { has_pages = given.has_pages, number_of_pages = given.pages },
    }, Document)
end
function Document:getPageCount()
    return self.info.number_of_pages
end
function Document:getXPointer()
    return self.xpointers[self.page]
end
function Document:isXPointerInDocument(xpointer)
    return self.xpointer_pages[xpointer] ~= nil
end

--- ReaderRolling and ReaderPaging in one. Junk for an xpointer goes to page 1 and stays, as it does in KOReader.
local View = WidgetContainer:extend{}

--- Where the book was left; without an event of its own.
function View:init()
    local stored, document = self.stored, self.document
    local page = document.info.has_pages and stored.page or document.xpointer_pages[stored.progress]
    document.page = page or 1
    self.xpointer = stored.progress or document:getXPointer()
end
function View:_go(page)
    local document = self.document
    document.page = math.max(1, math.min(document:getPageCount(), math.floor(page)))
    self:tell_page()
    self.xpointer = document:getXPointer()
end
function View:tell_page()
    if self.is_scrolled and not self.document.info.has_pages then
        self.ui:handleEvent(Event:new("PosUpdate", self.document.page * 800, self.document.page))
    else
        self.ui:handleEvent(Event:new("PageUpdate", self.document.page))
    end
end
function View:onGotoPage(page)
    self:_go(page)
    return true
end
function View:onGotoPercent(percent)
    self:_go(self.document:getPageCount() * percent / 100 + 0.5)
    return true
end
function View:onGotoXPointer(xpointer)
    self:_go(self.document.xpointer_pages[xpointer] or 1)
    self.xpointer = xpointer
    return true
end
function View:onGotoViewRel(pages)
    self:_go(self.document.page + pages)
    return true
end
function View:getLastPercent()
    return self.document.page / self.document:getPageCount()
end
function View:getLastProgress()
    return self.document.info.has_pages and self.document.page or self.xpointer
end

-- The two things that can have the screen

local Screen = WidgetContainer:extend{}
function Screen:getCurrentPage()
    return self.document.page
end

local function send(name, ...)
    UIManager.ui:handleEvent(Event:new(name, ...))
end

local function with_plugin(ui)
    ui.menu = Menu:new{}
    return function()
        ui.tomesync = Plugin:new{ ui = ui, document = ui.document, view = ui.view, dialog = ui }
        table.insert(ui, ui.tomesync)
    end
end

function koreader.show_files()
    local ui = Screen:new{}
    with_plugin(ui)()
    UIManager.ui = ui
    send("SetDimensions")
    send("PathChanged", host.data_dir)
    send("Show")
end

--- `given`: path, pages, xpointers (one a page), has_pages, is_scrolled, title, authors, progress, page.
function koreader.open(given)
    send("ShowingReader")
    koreader.save()
    send("CloseWidget")
    UIManager.ui = nil
    -- KOReader opens documents inside a coroutine.
    local opening = coroutine.create(function()
        local document = Document.of(given)
        local ui = Screen:new{ document = document, doc_props = { title = given.title, authors = given.authors } }
        local add_plugin = with_plugin(ui)
        ui.link = Link:new{ ui = ui }
        ui.view = View:new{ ui = ui, document = document, stored = given, is_scrolled = given.is_scrolled }
        ui.doc_settings = { data = given }
        if given.has_pages then
            ui.paging = ui.view
        else
            ui.rolling = ui.view
        end
        table.insert(ui, ui.view)
        add_plugin()
        UIManager.ui = ui
        send("DocSettingsLoad", ui.doc_settings, document)
        if given.has_pages then
            ui.view:tell_page()
            send("ReadSettings", given)
            send("ReaderReady", ui.doc_settings)
        else
            send("ReadSettings", given)
            send("PreRenderDocument")
            ui.view:tell_page()
            send("ReaderReady", ui.doc_settings)
            ui.view:tell_page()
        end
        send("Show")
    end)
    local did_run, message = coroutine.resume(opening)
    assert(did_run, message)
    assert(coroutine.status(opening) == "dead", "something yields while a document opens")
end

--- Answers what the book's sidecar would keep.
function koreader.close()
    local ui = UIManager.ui
    send("CloseDocument")
    local progress, page = ui.view:getLastProgress(), ui.document.page
    koreader.save()
    ui.document = nil
    send("CloseWidget")
    koreader.show_files()
    return progress, page
end

function koreader.save()
    send("FlushSettings")
    send("SaveSettings")
    G_reader_settings:flush()
end

function koreader.turn(pages)
    send("GotoViewRel", pages)
end

function koreader.go_to(page)
    send("GotoPage", page)
end

--- Another font size: the same text, other page numbers.
function koreader.rerender(pages, xpointers)
    local ui = UIManager.ui
    local document = Document.of({ path = ui.document.file, pages = pages, xpointers = xpointers })
    local fraction = ui.view:getLastPercent()
    ui.document.xpointers, ui.document.xpointer_pages = document.xpointers, document.xpointer_pages
    ui.document.info.number_of_pages = pages
    ui.view:_go(fraction * pages + 0.5)
    send("DocumentRerendered")
end

function koreader.break_view()
    UIManager.ui.view.getLastPercent = function()
        error("attempt to perform arithmetic on a nil value")
    end
end

function koreader.progress()
    return UIManager.ui.view:getLastProgress()
end

function koreader.page()
    return UIManager.ui.document.page
end

function koreader.disconnect()
    send("NetworkDisconnecting")
    NetworkMgr.is_connected = false
    send("NetworkDisconnected")
end

function koreader.connect()
    NetworkMgr.is_connected = true
    send("NetworkConnecting")
    send("NetworkConnected")
end

function koreader.is_connected()
    return NetworkMgr.is_connected
end

function koreader.suspend()
    koreader.save()
    send("Suspend")
end

function koreader.resume()
    send("Resume")
end

koreader.run_due = function() UIManager:run_due() end
koreader.next_at = function() return UIManager:next_at() end
koreader.answer = function(is_yes) UIManager:answer(is_yes) end

--- Each entry's text, and whether it can be tapped.
function koreader.menu_items()
    local menu_items = {}
    for _, plugin in ipairs(UIManager.ui.menu.entries) do
        plugin:addToMainMenu(menu_items)
    end
    local entry = menu_items.tomesync
    assert(entry.sorting_hint == "tools", "without a known hint the entry lands in the first tab")
    local items = {}
    for index, item in ipairs(entry.sub_item_table) do
        items[index] = {
            text = item.text or item.text_func(),
            is_enabled = not item.enabled_func or item.enabled_func(),
            is_checked = item.checked_func and item.checked_func() or false,
            tap = item.callback,
        }
    end
    return items
end

function koreader.timeouts_are_reset()
    return require("socketutil").block_timeout == 60 and require("socket.http").TIMEOUT == 60
end

koreader.show_files()
if NetworkMgr.is_connected then
    UIManager:nextTick(function() send("NetworkConnected") end)
end
UIManager:run_due()

return koreader
