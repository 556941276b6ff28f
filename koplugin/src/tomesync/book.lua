--- The open document: which file it is, where the reader is in it, and how to go elsewhere.

local Event = require("ui/event")
local lfs = require("libs/libkoreader-lfs")
local util = require("util")

local guard = require("tomesync/guard")

local Book = {}
Book.__index = Book

-- The server refuses a longer name or title, and with it what was read; the file's sum says what it is anyway.
local LONGEST_TEXT = 900
-- A jump that lands farther off than this, as a fraction of the book, has gone somewhere else.
local LANDING_FRACTION = 0.05

-- The server takes UTF-8; names on a memory card can be anything.
local function clean(text)
    if type(text) ~= "string" or text == "" then
        return nil
    end
    return util.fixUtf8(text:sub(1, LONGEST_TEXT), "\239\191\189")
end

--- What the server is told of a file, to know it by. Hashes the file itself: the sum that KOReader keeps beside a book
--- outlives a replaced file. `props` are KOReader's, where the book is open.
function Book.file_at(path, props)
    local folder, filename = util.splitFilePathName(path)
    props = props or {}
    return {
        filename = clean(filename),
        ko_md5 = util.partialMD5(path),
        size = lfs.attributes(path, "size"),
        folder = clean(folder:match("([^/]+)/*$")),
        title = clean(props.title),
        authors = clean(props.authors),
    }
end

--- `ui` is the reader's.
function Book.of(ui)
    local file = Book.file_at(ui.document.file, ui.doc_props)
    return setmetatable({ ui = ui, file = file, ko_md5 = file.ko_md5 }, Book)
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
    local fraction
    if self.is_partly_rendered and self.ui.rolling and self.ui.rolling.view_mode ~= "scroll" then
        -- KOReader's own counts with the number of pages of the former layout.
        local document = self.ui.document
        fraction = guard(document.getCurrentPage)(document) / guard(document.getPageCount)(document)
    else
        local view = self:_view()
        fraction = guard(view.getLastPercent)(view)
    end
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

--- Where the reader is: { fraction, progress }, each may be missing.
function Book:place()
    return { fraction = self:fraction(), progress = self:progress() }
end

--- The page on which the reader is, and that of a place which the document itself has; nil and nil if it has it not.
function Book:pages_of(place)
    local page
    if self:has_pages() then
        page = tonumber(place.progress)
    elseif type(place.progress) == "string" and self.ui.document:isXPointerInDocument(place.progress) then
        page = guard(self.ui.document.getPageFromXPointer)(self.ui.document, place.progress)
    end
    if page then
        return self:page(), page
    end
    return nil, nil
end

--- KOReader takes any junk for an xpointer: it jumps to the first page and keeps the junk as the book's place.
function Book:_event_to(place)
    local count = self.ui.document:getPageCount()
    if self:has_pages() then
        -- Also where only the fraction is known: KOReader rounds that down, which in a short file leads elsewhere.
        local page = tonumber(place.progress)
        local is_there = page and page >= 1 and page <= count
        return Event:new("GotoPage", math.max(1, is_there and math.floor(page) or math.ceil(place.fraction * count)))
    elseif type(place.progress) == "string" and self.ui.document:isXPointerInDocument(place.progress) then
        return Event:new("GotoXPointer", place.progress, place.progress)
    end
    return Event:new("GotoPercent", math.max(0, math.min(1, place.fraction)) * 100)
end

--- Whether the reader is where they should be, as far as pages can tell: a page of a short file is a large part of it.
function Book:_has_landed_at(place)
    local landed = self:fraction()
    local page = 1.5 / math.max(1, self.ui.document:getPageCount())
    return landed ~= nil and math.abs(landed - place.fraction) <= math.max(LANDING_FRACTION, page)
end

--- Go to a place { fraction, progress } that the server gave; the reader can go back as after following a link.
--
-- False if that led somewhere else; then the reader is where they were.
function Book:go_to(place)
    local before, link = self:place(), self.ui.link
    if link then
        guard(link.addCurrentLocationToStack)(link)
    end
    self.ui:handleEvent(self:_event_to(place))
    if self:_has_landed_at(place) then
        return true
    end
    if link and type(link.location_stack) == "table" then
        table.remove(link.location_stack)
    end
    if before.fraction then
        self.ui:handleEvent(self:_event_to(before))
    end
    return false
end

return Book
