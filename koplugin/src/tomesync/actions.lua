--- What the reader can ask for, from the menu or with a gesture. It says what came of it, and only this may bring up
--- Wi-Fi.

local Notification = require("ui/widget/notification")
local T = require("ffi/util").template
local UIManager = require("ui/uimanager")

local _ = require("tomesync/gettext")
local N_ = _.ngettext
local asking = require("tomesync/asking")
local inbox = require("tomesync/inbox")
local series = require("tomesync/series")
local words = require("tomesync/words")

local actions = {}

--- Make them known to gestures and profiles.
function actions.register(dispatcher)
    local function register(name, event, title, scope)
        dispatcher:registerAction(name, { category = "none", event = event, title = title, [scope] = true })
    end
    register("tomesync_sync_now", "TomeSyncNow", _("Tome: sync now"), "general")
    register("tomesync_toggle", "TomeSyncToggle", _("Tome: turn sync on or off"), "general")
    register("tomesync_browse_series", "TomeSyncBrowseSeries", _("Tome: browse series"), "general")
    register("tomesync_inbox", "TomeSyncInbox", _("Tome: inbox"), "general")
    register("tomesync_download_series", "TomeSyncDownloadSeries", _("Tome: download full series"), "reader")
    register("tomesync_download_rest", "TomeSyncDownloadRest", _("Tome: download rest of series"), "reader")
end

local function waiting_text(counts)
    local lines = {}
    if counts.sessions + counts.positions > 0 then
        local count = counts.sessions + counts.positions
        table.insert(lines, T(N_("1 item is still waiting.", "%1 items are still waiting.", count), count))
    end
    if counts.refused > 0 then
        local text = N_("The server has refused 1 item.", "The server has refused %1 items.", counts.refused)
        table.insert(lines, T(text, counts.refused))
    end
    return lines
end

--- How many sessions wait, and how many of what was refused are sessions.
local function sessions_in(outbox)
    local refused = 0
    for _index, entry in ipairs(outbox.refused) do
        refused = refused + (entry.item.session_uuid and 1 or 0)
    end
    return { waiting = outbox:counts().sessions, refused = refused, is_empty = outbox:is_empty() }
end

local function outcome_text(plugin, word, before)
    local service = plugin.service
    if not word then
        return _("The sync was broken off. What was read is kept and sent later.")
    end
    local failure = words.failure_and_kept(word, service.connection.last_answer)
    if failure then
        return failure
    end
    if before.is_empty and not before.has_book then
        -- The server need not even have been asked, so nothing is said of it.
        return _("Nothing waits to be sent.")
    end
    local counts = service.outbox:counts()
    local after = sessions_in(service.outbox)
    local sent = (before.waiting - after.waiting) - (after.refused - before.refused)
    local lines = { _("Synced with Tome.") }
    if sent > 0 then
        table.insert(lines, T(N_("1 session was sent.", "%1 sessions were sent.", sent), sent))
    end
    if plugin.book and not plugin:is_matched() then
        table.insert(lines, _("This book is not matched with one of the server's."))
    end
    for _index, line in ipairs(waiting_text(counts)) do
        table.insert(lines, line)
    end
    return table.concat(lines, "\n")
end

function actions.sync_now(plugin)
    asking.with_message(_("Syncing with Tome…"), function(done)
        plugin.service.connection:try_again()
        local before = sessions_in(plugin.service.outbox)
        before.has_book = plugin.book ~= nil
        plugin:sync_as_asked(function(word)
            done()
            -- A question where to read on says enough.
            if not plugin.question then
                asking.say(outcome_text(plugin, word, before))
            end
        end)
    end)
end

function actions.say_whether_on(plugin)
    local text = plugin.service:is_on() and _("Tome is on.") or _("Tome is off.")
    UIManager:show(Notification:new({ text = text }))
end

function actions.browse_series(plugin)
    series.browse(plugin)
end

--- `which` is "all" or "rest".
function actions.download_of_book(plugin, which)
    if plugin:is_matched() then
        series.download_of_book(plugin, which)
    else
        asking.say(_("This book is not matched with one of the server's."))
    end
end

function actions.show_inbox(plugin)
    inbox.show(plugin)
end

return actions
