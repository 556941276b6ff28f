-- Starts the file manager, opens and closes documents, and sends the events around that in KOReader's own order.

local real_time, real_date = os.time, os.date
function os.time(when)
    return when and real_time(when) or math.floor(host.now())
end
function os.date(format, when)
    return real_date(format, when or os.time())
end

local DataStorage = require("datastorage")
local LuaSettings = require("luasettings")

G_reader_settings = LuaSettings:open_own(DataStorage:getDataDir() .. "/settings.reader.lua")
G_reader_settings:saveSetting("device_id", host.device_id)
for name, value in pairs(host.presets) do
    G_reader_settings:saveSetting(name, value)
end
rawset(_G, "G_defaults", LuaSettings:open_own(DataStorage:getDataDir() .. "/defaults.custom.lua"))
rawset(_G, "python", nil) -- a plugin has no such thing
rawset(table, "pack", function(...)
    return { n = select("#", ...), ... }
end)
rawset(table, "unpack", unpack)

local Dispatcher = require("dispatcher")
local DocSettings = require("docsettings")
local Event = require("ui/event")
local FileManager = require("apps/filemanager/filemanager")
local MainMenu = require("mainmenu")
local NetworkMgr = require("ui/network/manager")
local ReaderUI = require("apps/reader/readerui")
local UIManager = require("ui/uimanager")
local WidgetContainer = require("ui/widget/container/widgetcontainer")
local logger = require("logger")

-- Python's objects for what was made in a coroutine use it when they go, so none may go before them.
local threads, create = {}, coroutine.create
function coroutine.create(body)
    local thread = create(body)
    table.insert(threads, thread)
    return thread
end

local koreader = {}
package.loaded.koreader = koreader

-- All plugins share the globals, so this one is to leave them alone.
if host.has_strict_globals then
    setmetatable(_G, {
        __index = function(_globals, name)
            error("the global " .. tostring(name) .. " is not there", 2)
        end,
        __newindex = function(_globals, name)
            error("the global " .. tostring(name) .. " would be new", 2)
        end,
    })
end

-- The plugin's class, loaded once as KOReader does

--- An error in a handler is logged, and the event then counts as not handled.
local Handler = {}
function Handler.__call(self, ...)
    if host.is_metered then
        host.step("event " .. self.name)
    end
    host.enter(self.name)
    local did_run, answer = pcall(self.method, ...)
    host.leave()
    if not did_run then
        logger.err("An error occurred while executing handler tomesync:" .. self.name .. ":\n", answer)
        return false
    end
    return answer
end

local function load_plugin(folder)
    local path_before = package.path
    package.path = folder .. "/?.lua;" .. path_before
    local class = assert(dofile(folder .. "/main.lua"), "main.lua gives no class")
    local meta = assert(dofile(folder .. "/_meta.lua"), "_meta.lua gives no table")
    class.path, class.name = folder, "tomesync"
    for key, value in pairs(meta) do
        assert(key ~= "name", "a name in _meta.lua is ignored with a warning")
        class[key] = value
    end
    for name, value in pairs(class) do
        if name:sub(1, 2) == "on" and type(value) == "function" then
            class[name] = setmetatable({ name = name, method = value }, Handler)
        end
    end
    package.path = path_before .. ";" .. folder .. "/?.lua"
    return class
end

local Plugin = load_plugin(host.plugin_dir)

-- What the reader's modules know

local Link = WidgetContainer:extend {}
function Link:init()
    self.location_stack = {}
end
function Link:addCurrentLocationToStack()
    table.insert(self.location_stack, self.ui.view:getLastProgress())
end
--- A place where the reader is already is passed over.
function Link:onGoBackLink()
    local place = table.remove(self.location_stack)
    while place and place == self.ui.view:getLastProgress() do
        place = table.remove(self.location_stack)
    end
    if place then
        self.ui:handleEvent(Event:new(self.ui.rolling and "GotoXPointer" or "GotoPage", place))
    end
    return true
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
function Document:getCurrentPage()
    return self.page
end
function Document:getPageCount()
    return self.info.number_of_pages
end
--- The page that an xpointer is on here; 1 for one that is not in the document.
function Document:getPageFromXPointer(xpointer)
    return self.xpointer_pages[xpointer] or 1
end
function Document:getXPointer()
    return self.xpointers[self.page]
end
function Document:isXPointerInDocument(xpointer)
    return self.xpointer_pages[xpointer] ~= nil
end

--- ReaderRolling and ReaderPaging in one. Junk for an xpointer goes to page 1 and stays, as it does in KOReader.
local View = WidgetContainer:extend {}

--- Where the book was left; without an event of its own.
function View:init()
    local stored, document = self.stored, self.document
    local page = document.info.has_pages and stored:readSetting("last_page")
        or document.xpointer_pages[stored:readSetting("last_xpointer")]
    document.page = page or 1
    self.xpointer = stored:readSetting("last_xpointer") or document:getXPointer()
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
    self:_go(self.document:getPageCount() * percent / 100)
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
function View:onSaveSettings()
    if self.ui.document then
        local is_paged = self.document.info.has_pages
        self.stored:saveSetting(is_paged and "last_page" or "last_xpointer", self:getLastProgress())
        self.stored:saveSetting("percent_finished", self.document.page / self.document:getPageCount())
    end
end
function View:getLastPercent()
    return self.document.page / (self.stale_count or self.document:getPageCount())
end
function View:getLastProgress()
    return self.document.info.has_pages and self.document.page or self.xpointer
end

-- The two things that can have the screen

local Screen = WidgetContainer:extend {}
function Screen:getCurrentPage()
    return self.document.page
end
function Screen:onRefresh()
    host.count("refreshes")
    return true
end

local function send(name, ...)
    UIManager.ui:handleEvent(Event:new(name, ...))
end

local function with_plugin(ui)
    ui.menu = MainMenu:new { ui = ui }
    return function()
        ui.tomesync = Plugin:new { ui = ui, document = ui.document, view = ui.view, dialog = ui }
        table.insert(ui, ui.tomesync)
    end
end

function koreader.show_files()
    local ui = Screen:new { name = "filemanager", file_chooser = { path = host.data_dir } }
    with_plugin(ui)()
    FileManager.instance = ui
    UIManager.ui = ui
    send("SetDimensions")
    send("PathChanged", host.data_dir)
    send("Show")
end

--- What KOReader keeps of a book from its first opening on.
local function settings_of(given)
    local settings = DocSettings:open(given.path)
    settings:readSetting("partial_md5_checksum", require("util").partialMD5(given.path))
    settings:saveSetting("doc_props", { title = given.title, authors = given.authors })
    return settings
end

--- `given`: path, pages, xpointers (one a page), has_pages, is_scrolled, title, authors.
function koreader.open(given)
    send("ShowingReader")
    send("SaveSettings")
    koreader.save()
    send("CloseWidget")
    UIManager.ui, FileManager.instance = nil, nil
    -- KOReader opens documents inside a coroutine.
    local opening = coroutine.create(function()
        local document = Document.of(given)
        local ui = Screen:new {
            name = "ReaderUI",
            document = document,
            doc_settings = settings_of(given),
            doc_props = { title = given.title, authors = given.authors, display_title = given.title },
        }
        local add_plugin = with_plugin(ui)
        ui.link = Link:new { ui = ui }
        ui.view = View:new { ui = ui, document = document, stored = ui.doc_settings, is_scrolled = given.is_scrolled }
        if given.has_pages then
            ui.paging = ui.view
        else
            ui.rolling = ui.view
        end
        table.insert(ui, ui.view)
        table.insert(ui, ui.link)
        add_plugin()
        UIManager.ui = ui
        send("DocSettingsLoad", ui.doc_settings, document)
        if given.has_pages then
            ui.view:tell_page()
            send("ReadSettings", ui.doc_settings)
            send("ReaderReady", ui.doc_settings)
        else
            send("ReadSettings", ui.doc_settings)
            send("PreRenderDocument")
            ui.view:tell_page()
            send("ReaderReady", ui.doc_settings)
            ui.view:tell_page()
        end
        send("Show")
    end)
    UIManager.is_opening = true
    local did_run, message = coroutine.resume(opening)
    UIManager.is_opening = false
    assert(did_run, message)
    assert(coroutine.status(opening) == "dead", "something yields while a document opens")
    ReaderUI.instance = UIManager.ui
end

local function close_book()
    local ui = UIManager.ui
    send("CloseDocument")
    koreader.save()
    ui.document = nil
    send("CloseWidget")
    ReaderUI.instance = nil
end

function koreader.close()
    close_book()
    koreader.show_files()
end

--- From the menu: the reader sees to its document first, so the plugin hears of the exit last.
function koreader.exit()
    if UIManager.ui.document then
        close_book()
    else
        koreader.save()
        send("CloseWidget")
    end
    send("Exit")
    G_reader_settings:flush()
end

function koreader.save()
    send("FlushSettings")
    send("SaveSettings")
    if UIManager.ui.doc_settings and UIManager.ui.document then
        UIManager.ui.doc_settings:flush()
    end
    G_reader_settings:flush()
end

function koreader.turn(pages)
    send("GotoViewRel", pages)
end

function koreader.go_to(page)
    send("GotoPage", page)
end

--- Another font size: the same text, other page numbers. In part, KOReader's own number of pages stays the former one.
function koreader.rerender(pages, xpointers, is_partial)
    local ui = UIManager.ui
    local document = Document.of({ path = ui.document.file, pages = pages, xpointers = xpointers })
    local fraction = ui.document.page / ui.document.info.number_of_pages
    ui.document.xpointers, ui.document.xpointer_pages = document.xpointers, document.xpointer_pages
    ui.view.stale_count = is_partial and ui.document.info.number_of_pages or nil
    ui.document.info.number_of_pages = pages
    if is_partial then
        send("DocumentPartiallyRerendered")
        ui.view:_go(fraction * pages + 0.5)
        ui.view:tell_page()
    else
        ui.view:_go(fraction * pages + 0.5)
        send("DocumentRerendered")
    end
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

-- The network and sleep

function koreader.disconnect()
    send("NetworkDisconnecting")
    host.set_connected(false)
    send("NetworkDisconnected")
end

function koreader.connect()
    send("NetworkConnecting")
    host.set_connected(true)
    send("NetworkConnected")
    NetworkMgr:run_waiting()
end

function koreader.suspend()
    koreader.save()
    send("Suspend")
end

function koreader.resume()
    send("Resume")
end

function koreader.run_due()
    UIManager:run_due()
end

function koreader.next_at()
    return UIManager:next_at()
end

-- The menu

function koreader.menu_items(texts)
    return UIManager.ui.menu:list(texts)
end

function koreader.menu_place()
    return UIManager.ui.menu:get_place()
end

function koreader.menu_entry()
    return UIManager.ui.menu:get_entry_text()
end

function koreader.tap(texts)
    UIManager.ui.menu:tap(texts)
end

function koreader.is_menu_open()
    return UIManager.ui.menu.is_open
end

-- Windows

local function top()
    return assert(UIManager:top(), "there is no window on the screen")
end

local function begins(text, beginning)
    return text:sub(1, #beginning) == beginning
end

local function text_of(button)
    return button.text_func and button.text_func() or button.text or button.icon or ""
end

function koreader.press(text)
    local window, others = top(), {}
    for _, button in ipairs(window:flat_buttons()) do
        if begins(text_of(button), text) then
            assert(window:can_press(button), text .. " cannot be pressed")
            return button.callback()
        end
        table.insert(others, text_of(button))
    end
    error(string.format("%s has no button %q: %s", window.kind, text, table.concat(others, ", ")))
end

local function line_with(text)
    local window, others = top(), {}
    for _, line in ipairs(window:lines()) do
        if begins(line.text, text) then
            return window, line.item
        end
        table.insert(others, line.text)
    end
    error(string.format("%s has no item %q: %s", window.kind, text, table.concat(others, ", ")))
end

function koreader.choose(text)
    local window, item = line_with(text)
    window:onMenuSelect(item)
end

function koreader.hold_item(text)
    local window, item = line_with(text)
    window:onMenuHold(item)
end

function koreader.type(text, into)
    local window = top()
    assert(window.type, window.kind .. " has no field")(window, text, into)
end

function koreader.press_icon()
    local window = top()
    local callback = window.title_bar_left_icon_tap_callback
    if callback then
        callback()
    else
        window:onLeftButtonTap()
    end
end

function koreader.back()
    local window = top()
    assert(window.onReturn, window.kind .. " has no way back")(window)
end

function koreader.dismiss()
    top():tap_outside()
end

--- Answer the question on the screen; the answer to a question that nobody asked is an error.
function koreader.answer(is_yes)
    for index = #UIManager.stack, 1, -1 do
        local window = UIManager.stack[index]
        if window.kind == "ConfirmBox" then
            return window:rows()[1][is_yes and 2 or 1].callback()
        end
    end
    error("no question is on the screen")
end

function koreader.windows()
    local told = {}
    for _, window in ipairs(UIManager.stack) do
        if not window.invisible then
            local buttons, items = {}, {}
            for _, button in ipairs(window:flat_buttons()) do
                if window:can_press(button) then
                    table.insert(buttons, text_of(button))
                end
            end
            for _, item in ipairs(window:lines()) do
                table.insert(items, item.text)
            end
            table.insert(told, {
                kind = window.kind,
                title = window.title or "",
                text = window.text or window.description or window.subtitle or "",
                buttons = buttons,
                items = items,
                inputs = window:texts_of_inputs(),
            })
        end
    end
    return told
end

-- The rest

function koreader.gesture(action)
    Dispatcher:gesture(action)
end

function koreader.actions()
    local names = {}
    for name in pairs(Dispatcher.actions) do
        table.insert(names, name)
    end
    return names
end

function koreader.setting(name)
    return G_reader_settings:readSetting(name)
end

function koreader.standby_preventions()
    return UIManager.standby_preventions
end

function koreader.timeouts_are_reset()
    return require("socketutil").block_timeout == 60 and require("socket.http").TIMEOUT == 60
end

koreader.show_files()
if NetworkMgr:isConnected() then
    UIManager:nextTick(function()
        send("NetworkConnected")
    end)
end
UIManager:run_due()

return koreader
