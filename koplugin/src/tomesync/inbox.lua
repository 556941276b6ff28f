--- Books that the reader has sent to this device from the server's pages.

local T = require("ffi/util").template
local UIManager = require("ui/uimanager")
local util = require("util")

local _ = require("tomesync/gettext")
local Shelf = require("tomesync/shelf")
local asking = require("tomesync/asking")
local downloads = require("tomesync/downloads")
local folders = require("tomesync/folders")
local lists = require("tomesync/lists")
local outcome = require("tomesync/outcome")
local volumes = require("tomesync/volumes")

local inbox = {}

--- The volumes in the inbox, each with the `item_id` of its item; nil if it is none.
local function read(answer)
    if type(answer.items) ~= "table" then
        return nil
    end
    local list = {}
    for _index, item in ipairs(answer.items) do
        local volume = type(item) == "table" and type(item.id) == "number" and volumes.read(item.book)
        if volume then
            volume.item_id = item.id
            table.insert(list, volume)
        end
    end
    return list
end

--- If nobody hears it, the item stays in the inbox, and is told again when it is found to be here.
local function tell_delivered(service, volume)
    local path = string.format("/tome-sync/inbox/%d/delivered", volume.item_id)
    service.connection:ask("POST", path, { is_asked = true })
end

local function show_items(service, list)
    local window
    local function fetch(wanted)
        UIManager:close(window)
        downloads.start(service, wanted, function(volume)
            tell_delivered(service, volume)
        end)
    end
    local items = {
        lists.item(T(_("Download all (%1)"), #list), nil, function()
            fetch(list)
        end),
    }
    local shelf = Shelf.new(service, folders.base())
    for _index, volume in ipairs(list) do
        local size = volume.file and util.getFriendlySize(volume.file.size)
        local text = volume.author and T(_("%1 — %2"), outcome.label(volume), volume.author) or outcome.label(volume)
        table.insert(
            items,
            lists.item(text, shelf:find(volume) and lists.IS_HERE or size, function()
                fetch({ volume })
            end)
        )
    end
    window = lists.show(_("Inbox"), items)
end

--- Show what waits, to download it.
function inbox.show(plugin)
    local service = plugin.service
    asking.get(service, _("Fetching the inbox…"), "/tome-sync/inbox", {}, function(answer)
        local list = read(answer)
        if not list then
            asking.say_stranger()
        elseif #list == 0 then
            asking.say(_("Nothing waits in the inbox."))
        else
            show_items(service, list)
        end
    end)
end

return inbox
