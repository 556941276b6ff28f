--- The plugin's entry among the tools, after calibre's.

local T = require("ffi/util").template
local logger = require("logger")

local _ = require("tomesync/gettext")
local actions = require("tomesync/actions")
local baked = require("tomesync/baked")
local diagnosis = require("tomesync/diagnosis")
local guard = require("tomesync/guard")
local matching = require("tomesync/matching")
local pending = require("tomesync/pending")
local preferences = require("tomesync/preferences")
local updater = require("tomesync/updater")
local words = require("tomesync/words")

local menu = {}

local NEIGHBOUR = "calibre"

--- KOReader has the order of its menus in tables, and what is in none of them comes last.
local function place_after_neighbour(name)
    local order = require(name)
    for index, id in ipairs(order.tools) do
        if id == "tomesync" then
            return
        elseif id == NEIGHBOUR then
            table.insert(order.tools, index + 1, "tomesync")
            return
        end
    end
end

for _index, name in ipairs({ "ui/elements/filemanager_menu_order", "ui/elements/reader_menu_order" }) do
    local did_run, message = pcall(place_after_neighbour, name)
    if not did_run then
        logger.dbg("tomesync: cannot order the menu:", message)
    end
end

local function last_sync_text(plugin)
    local at = plugin.service.sync.last_sync_at
    return at and T(_("Last sync: %1"), os.date("%Y-%m-%d %H:%M", at)) or _("Not synced yet")
end

local function nothing_to_tap()
    return false
end

local function about_items(plugin)
    local items = {
        { text = T(_("Server: %1"), plugin.service:server_url()), enabled_func = nothing_to_tap },
        { text = T(_("User: %1"), baked.username), enabled_func = nothing_to_tap },
        { text = last_sync_text(plugin), enabled_func = nothing_to_tap, separator = true },
    }
    for _index, item in ipairs(updater.menu_items(plugin)) do
        table.insert(items, item)
    end
    return items
end

local function book_items(plugin)
    local is_matched = guard(function()
        return plugin:is_matched()
    end)
    return {
        {
            text = _("Download full series"),
            enabled_func = is_matched,
            callback = guard(function()
                actions.download_of_book(plugin, "all")
            end),
        },
        {
            text = _("Download rest of series"),
            enabled_func = is_matched,
            callback = guard(function()
                actions.download_of_book(plugin, "rest")
            end),
        },
        {
            text = _("Sync now"),
            enabled_func = is_matched,
            callback = guard(function()
                actions.sync_now(plugin)
            end),
        },
        {
            text_func = words.always(function()
                return matching.status_text(plugin)
            end),
            callback = guard(function()
                matching.show(plugin)
            end),
        },
        {
            text_func = words.always(function()
                return plugin.service:is_on() and _("Enabled") or _("Disabled")
            end),
            checked_func = guard(function()
                return plugin.service:is_on()
            end),
            callback = guard(function()
                plugin:switch()
            end),
        },
        {
            text_func = words.always(function()
                return T(_("Pending sessions (%1)"), pending.count(plugin))
            end),
            callback = guard(function()
                pending.show(plugin)
            end),
        },
    }
end

local function items(plugin)
    local all = {
        {
            text = _("Browse series"),
            callback = guard(function()
                actions.browse_series(plugin)
            end),
        },
        {
            text = _("Inbox"),
            callback = guard(function()
                actions.show_inbox(plugin)
            end),
        },
        {
            text = _("Test connection"),
            callback = guard(function()
                diagnosis.test_connection(plugin)
            end),
        },
        {
            text = _("Re-resolve all books"),
            callback = guard(function()
                matching.resolve_all_again(plugin)
            end),
        },
        {
            text = _("Settings"),
            sub_item_table = preferences.items(plugin),
        },
        {
            text = _("About"),
            -- Made when it is opened: it says what was last heard of the server.
            sub_item_table_func = guard(function()
                return about_items(plugin)
            end),
            separator = true,
        },
    }
    if plugin.ui.document then
        for _index, item in ipairs(book_items(plugin)) do
            table.insert(all, item)
        end
    end
    return all
end

--- The entry for `addToMainMenu`.
function menu.entry(plugin)
    return {
        text = _("Tome"),
        -- For a KOReader whose tables have no such neighbour.
        sorting_hint = "tools",
        sub_item_table = items(plugin),
    }
end

return menu
