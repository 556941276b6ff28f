--- The plugin's entry among the tools, and what it says about itself.

local InfoMessage = require("ui/widget/infomessage")
local NetworkMgr = require("ui/network/manager")
local UIManager = require("ui/uimanager")
local T = require("ffi/util").template
local _ = require("gettext")
local N_ = _.ngettext

local baked = require("tomesync/baked")
local guard = require("tomesync/guard")

local menu = {}

local FAILURES = {
    key = _("The server refuses this plugin's key. Download the plugin again from the server's settings page."),
    server = _("The server is in trouble. Everything is kept and sent later."),
    stranger = _("Something other than Tome answered. Does this network want you to log in first?"),
    network = _("The server cannot be reached. Everything is kept and sent later."),
}

local function waiting_text(sync)
    local waiting, refused = sync.outbox:counts()
    local text = waiting == 0 and _("Nothing is waiting to be sent.")
        or T(N_("1 item is waiting to be sent.", "%1 items are waiting to be sent.", waiting), waiting)
    if refused > 0 then
        text = text .. "\n"
            .. T(N_("The server has refused 1 item.", "The server has refused %1 items.", refused), refused)
    end
    return text
end

local function last_sync_text(sync)
    if not sync.last_sync_at then
        return _("Not synced yet")
    end
    return T(_("Last sync: %1"), os.date("%Y-%m-%d %H:%M", sync.last_sync_at))
end

local function status_text(sync)
    local waiting = sync.outbox:counts()
    if waiting == 0 then
        return last_sync_text(sync)
    end
    return T(N_("%1, 1 item waiting", "%1, %2 items waiting", waiting), last_sync_text(sync), waiting)
end

local function details_text(sync)
    local lines = {
        T(_("Server: %1"), baked.server_url),
        T(_("User: %1"), baked.username),
        T(_("Plugin version: %1"), baked.version),
        last_sync_text(sync) .. ".",
        waiting_text(sync),
    }
    if sync.last_failure then
        table.insert(lines, FAILURES[sync.last_failure])
    end
    if sync.newest_plugin and sync.newest_plugin ~= baked.version then
        table.insert(lines, T(_("The server offers version %1 of this plugin."), sync.newest_plugin))
    end
    return table.concat(lines, "\n")
end

local function say(text)
    UIManager:show(InfoMessage:new{ text = text })
end

--- Send and ask now, because the reader wants it: this may bring up Wi-Fi, and it says what came of it.
function menu.sync_now(plugin)
    NetworkMgr:runWhenConnected(guard(function()
        local busy = InfoMessage:new{ text = _("Syncing with Tome…") }
        UIManager:show(busy)
        UIManager:forceRePaint()
        local word = guard(plugin.sync_as_asked)(plugin)
        UIManager:close(busy)
        if not word then
            say(_("Syncing failed. Everything is kept and sent later."))
        else
            say(FAILURES[word] or _("Synced with Tome.") .. "\n" .. waiting_text(plugin.service.sync))
        end
    end))
end

local function items(plugin)
    local service = plugin.service
    return {
        {
            text = _("Sync now"),
            callback = guard(function()
                menu.sync_now(plugin)
            end),
        },
        {
            text = _("Sync automatically"),
            checked_func = guard(function()
                return service:is_on()
            end),
            callback = guard(function()
                plugin:switch()
            end),
            separator = true,
        },
        {
            text_func = function()
                return guard(status_text)(service.sync) or _("Status")
            end,
            keep_menu_open = true,
            callback = guard(function()
                say(details_text(service.sync))
            end),
        },
        {
            text = T(_("Server: %1"), baked.server_url),
            enabled_func = function()
                return false
            end,
        },
        {
            text = T(_("User: %1"), baked.username),
            enabled_func = function()
                return false
            end,
        },
    }
end

--- The entry for `addToMainMenu`.
function menu.entry(plugin)
    return {
        text = _("Tome"),
        sorting_hint = "tools",
        sub_item_table = items(plugin),
    }
end

return menu
