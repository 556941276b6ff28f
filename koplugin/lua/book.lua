--- The open document: which file it is, where the reader is in it, and how to go elsewhere.

local Event = require("ui/event")
local lfs = require("libs/libkoreader-lfs")
local util = require("util")

local guard = require("tomesync/guard")

local Book = {}
Book.__index = Book

-- Where two places differ by less than this fraction, layouts alone explain it.
local SAME_PLACE = 0.005

-- The server refuses a longer name or title, and with it what was read; the file's sum says what it is anyway.
local LONGEST_TEXT = 900

-- The server takes UTF-8; names on a memory card can be anything.
local function clean(text)
    if type(text) ~= "string" or text == "" then
        return nil
    end
    return util.fixUtf8(text:sub(1, LONGEST_TEXT), "\239\191\189")
end

--- `ui` is the reader's. Hashes the file itself: the sum that KOReader keeps beside a book outlives a replaced file.
function Book.of(ui)
    local path = ui.document.file
    local folder, filename = util.splitFilePathName(path)
    local props = ui.doc_props or {}
    local ko_md5 = util.partialMD5(path)
    return setmetatable({
        ui = ui,
        ko_md5 = ko_md5,
        file = {
            filename = clean(filename),
            ko_md5 = ko_md5,
            size = lfs.attributes(path, "size"),
            folder = clean(folder:match("([^/]+)/*$")),
            title = clean(props.title),
            authors = clean(props.authors),
        },
    }, Book)
end

function Book:is_open()
    return self.ui.document ~= nil
end

function Book:has_pages()
    return self.ui.document.info.has_pages and true or false
end

function Book:page()
    return self.ui:getCurrentPage()
end

function Book:locator_kind()
    return self:has_pages() and "page" or "xpointer"
end

function Book:_view()
    return self:has_pages() and self.ui.paging or self.ui.rolling
end

--- The fraction 0..1 that lies behind the reader, or nil while that is not known.
function Book:fraction()
    -- Guarded, because a session is to be kept even where its place cannot be told.
    local view = self:_view()
    local fraction = guard(view.getLastPercent)(view)
    -- Not a number for an empty document; that would not fit into JSON.
    if type(fraction) ~= "number" or fraction ~= fraction then
        return nil
    end
    return math.max(0, math.min(1, fraction))
end

--- The place in the file's own terms, as text, or nil.
function Book:progress()
    -- In a continuous view the top page lags behind the current one.
    local progress
    if self:has_pages() then
        progress = guard(self.page)(self)
    else
        progress = guard(self.ui.rolling.getLastProgress)(self.ui.rolling)
    end
    return progress ~= nil and tostring(progress) or nil
end

function Book:is_at(place)
    if place.progress ~= nil and place.progress == self:progress() then
        return true
    end
    local fraction = self:fraction()
    return fraction ~= nil and math.abs(fraction - place.percentage) < SAME_PLACE
end

--- KOReader takes any junk for an xpointer: it jumps to the first page and keeps the junk as the book's place.
function Book:_event_to(place)
    if self:has_pages() then
        local page = tonumber(place.progress)
        if page and page >= 1 and page <= self.ui.document:getPageCount() then
            return Event:new("GotoPage", page)
        end
    elseif place.progress and self.ui.document:isXPointerInDocument(place.progress) then
        return Event:new("GotoXPointer", place.progress, place.progress)
    end
    return Event:new("GotoPercent", math.max(0, math.min(1, place.percentage)) * 100)
end

--- Go to a place that the server gave. The reader can go back as after following a link.
function Book:go_to(place)
    if self.ui.link then
        self.ui.link:addCurrentLocationToStack()
    end
    self.ui:handleEvent(self:_event_to(place))
end

return Book
