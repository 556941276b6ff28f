--- The server's series: to look through, and to download whole or in part.

local ConfirmBox = require("ui/widget/confirmbox")
local T = require("ffi/util").template
local UIManager = require("ui/uimanager")
local util = require("util")

local _ = require("tomesync/gettext")
local N_ = _.ngettext
local Shelf = require("tomesync/shelf")
local asking = require("tomesync/asking")
local downloads = require("tomesync/downloads")
local folders = require("tomesync/folders")
local guard = require("tomesync/guard")
local inputs = require("tomesync/inputs")
local lists = require("tomesync/lists")
local outcome = require("tomesync/outcome")
local volumes = require("tomesync/volumes")

local series = {}

local IN_NO_SERIES = _("This book is in no series on the server.")

--- Call `show(name, list)` with the volumes of the series of a book.
local function with_manifest(plugin, book_id, show)
    local service = plugin.service
    local formats = service.settings:get("formats")
    local options = {
        arguments = { formats = type(formats) == "table" and table.concat(formats, ",") or nil },
        unknown = IN_NO_SERIES,
    }
    local path = string.format("/tome-sync/series/%d", book_id)
    asking.get(service, _("Fetching the list of volumes…"), path, options, function(manifest)
        local list = volumes.of_manifest(manifest)
        if not list then
            asking.say_stranger()
        elseif #list == 0 then
            asking.say(_("This series has no books."))
        else
            show(type(manifest.series_name) == "string" and manifest.series_name or _("Series"), list)
        end
    end)
end

local function open_book(path)
    local ReaderUI = require("apps/reader/readerui")
    local reader = ReaderUI.instance
    if reader and reader.document and reader.switchDocument then
        reader:switchDocument(path)
    else
        ReaderUI:showReader(path)
    end
end

--- Open a book that is here, if the reader says so. `windows` are closed before.
local function offer_to_open(volume, path, windows)
    UIManager:show(ConfirmBox:new({
        text = T(_("Open “%1”?"), outcome.label(volume)),
        ok_text = _("Open"),
        ok_callback = guard(function()
            for _index, window in ipairs(windows) do
                UIManager:close(window)
            end
            -- Once this question is gone: opening takes down what is on the screen.
            UIManager:nextTick(guard(function()
                open_book(path)
            end))
        end),
    }))
end

local function show_volumes(plugin, name, list, list_of_series)
    local service = plugin.service
    local window
    local function fetch(wanted)
        UIManager:close(window)
        downloads.start(service, wanted)
    end
    local shelf = Shelf.new(service, folders.base())
    local missing, paths = {}, {}
    for _index, volume in ipairs(list) do
        paths[volume] = shelf:find(volume)
        if not paths[volume] then
            table.insert(missing, volume)
        end
    end
    local items = {
        lists.item(T(_("Download all (%1)"), #list), nil, function()
            fetch(list)
        end),
    }
    if #missing > 0 and #missing < #list then
        table.insert(
            items,
            lists.item(T(_("Download rest (%1)"), #missing), nil, function()
                fetch(missing)
            end)
        )
    end
    for _index, volume in ipairs(list) do
        local size = volume.file and util.getFriendlySize(volume.file.size)
        local path = paths[volume]
        table.insert(
            items,
            lists.item(outcome.label(volume), path and lists.IS_HERE or size, function()
                if path then
                    offer_to_open(volume, path, { window, list_of_series })
                else
                    fetch({ volume })
                end
            end)
        )
    end
    window = lists.show(name, items)
end

local function label_of(entry)
    return entry.author and T(_("%1 — %2"), entry.name, entry.author) or entry.name
end

-- KOReader's own way to take the case away is newer in one place than in the other; without either it does for English.
local function lowered(text)
    local did_load, utf8proc = pcall(require, "ffi/utf8proc")
    if did_load and utf8proc.lowercase then
        return utf8proc.lowercase(util.fixUtf8(text, "?"))
    end
    return text:lower()
end

local show_found

local function ask_for_text(plugin, window, list, text)
    inputs.ask({
        title = _("Search series"),
        input = text,
        hint = _("Name or author"),
        ok_text = _("Search"),
        take = function(wanted)
            show_found(plugin, window, list, util.trim(wanted))
        end,
    })
end

--- The items of the list of series, with what was searched for in front; `window()` answers the list's window.
local function items_for(plugin, window, list, found, text)
    local items = {
        lists.item(text ~= "" and T(_("Search: %1"), text) or _("Search…"), nil, function()
            ask_for_text(plugin, window, list, text)
        end),
    }
    if text ~= "" then
        table.insert(
            items,
            lists.item(_("Show all"), tostring(#list), function()
                show_found(plugin, window, list, "")
            end)
        )
    end
    for _index, entry in ipairs(found) do
        table.insert(
            items,
            lists.item(label_of(entry), tostring(entry.count), function()
                with_manifest(plugin, entry.book_id, function(name, of_series)
                    show_volumes(plugin, name, of_series, window())
                end)
            end)
        )
    end
    return items
end

local function title_of(found, text)
    if text == "" then
        return T(N_("1 series", "%1 series", #found), #found)
    end
    return T(N_("1 series with “%2”", "%1 series with “%2”", #found), #found, text)
end

function show_found(plugin, window, list, text)
    local found = text == "" and list or volumes.search(list, text, lowered)
    window():switchItemTable(title_of(found, text), items_for(plugin, window, list, found, text))
end

--- Show the server's series, to search and to download from.
function series.browse(plugin)
    asking.get(plugin.service, _("Fetching the list of series…"), "/tome-sync/series", {}, function(answer)
        local list = volumes.of_series_list(answer)
        if not list then
            asking.say_stranger()
            return
        elseif #list == 0 then
            asking.say(_("There are no series on the server yet."))
            return
        end
        local shown
        local function window()
            return shown
        end
        shown = lists.show(title_of(list, ""), items_for(plugin, window, list, list, ""))
    end)
end

--- Download the series of the open book: "all" of it, or the "rest", which is what comes after this book.
function series.download_of_book(plugin, which)
    local known = plugin.book and plugin.service.books:find(plugin.book.file)
    if not (known and known.book_id) then
        asking.say(_("This book is not matched with one of the server's."))
        return
    end
    with_manifest(plugin, known.book_id, function(_name, list)
        local wanted = which == "rest" and volumes.after(list, known) or which == "all" and list or nil
        if not wanted then
            asking.say(_("This book is not among the volumes of its series on the server."))
        elseif #wanted == 0 then
            asking.say(_("This is the last volume of its series."))
        else
            downloads.start(plugin.service, wanted)
        end
    end)
end

return series
