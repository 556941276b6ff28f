--- What waits to be sent, what the server did not want, and why nothing goes out.

local ConfirmBox = require("ui/widget/confirmbox")
local T = require("ffi/util").template
local UIManager = require("ui/uimanager")

local _ = require("tomesync/gettext")
local N_ = _.ngettext
local actions = require("tomesync/actions")
local guard = require("tomesync/guard")
local times = require("tomesync/times")
local words = require("tomesync/words")

local pending = {}

-- More would not fit on the screen; the newest say the most.
local MOST_LINES = 6

--- How many sessions wait, for the menu.
function pending.count(plugin)
    return plugin.service.outbox:counts().sessions
end

local function text_of(value)
    return type(value) == "string" and value ~= "" and value or nil
end

-- Of a text that is longer, its first characters in UTF-8.
local LONGEST_NAME = 60
local BEGINNING = "^" .. ("[^\128-\191][\128-\191]*"):rep(LONGEST_NAME)

local function name_of(item)
    local name = text_of(item.file.title) or text_of(item.file.filename) or "?"
    local beginning = name:match(BEGINNING)
    return beginning and #beginning < #name and beginning .. "…" or name
end

local function session_line(item)
    local minutes = math.floor((tonumber(item.duration_seconds) or 0) / 60 + 0.5)
    return T(_("%1, %2: %3 min"), times.to_show(item.started_at) or "?", name_of(item), minutes)
end

local function refused_line(entry)
    return T(_("%1: %2"), name_of(entry.item), text_of(entry.reason) or _("no reason given"))
end

local function add_last(lines, entries, line_of)
    for index = math.max(1, #entries - MOST_LINES + 1), #entries do
        table.insert(lines, "• " .. line_of(entries[index]))
    end
    if #entries > MOST_LINES then
        table.insert(lines, T(_("… and %1 older ones."), #entries - MOST_LINES))
    end
end

local function details_text(plugin)
    local outbox, connection = plugin.service.outbox, plugin.service.connection
    local counts = outbox:counts()
    local lines = {}
    if counts.sessions == 0 then
        table.insert(lines, _("No session waits to be sent."))
    else
        local text = N_("1 session waits to be sent:", "%1 sessions wait to be sent:", counts.sessions)
        table.insert(lines, T(text, counts.sessions))
        add_last(lines, outbox.sessions, function(entry)
            return session_line(entry.item)
        end)
    end
    if counts.positions > 0 then
        local text = N_("1 place in a book waits, too.", "%1 places in books wait, too.", counts.positions)
        table.insert(lines, T(text, counts.positions))
    end
    if counts.refused > 0 then
        local text = N_("The server has refused 1 item:", "The server has refused %1 items:", counts.refused)
        table.insert(lines, T(text, counts.refused))
        add_last(lines, outbox.refused, refused_line)
    end
    if counts.dropped > 0 then
        local text = N_(
            "1 session was dropped, because more than 200 were waiting.",
            "%1 sessions were dropped, because more than 200 were waiting.",
            counts.dropped
        )
        table.insert(lines, T(text, counts.dropped))
    end
    if outbox.trouble then
        local text = _("It cannot be written to this device (%1), and is lost if KOReader ends before it is sent.")
        table.insert(lines, T(text, outbox.trouble))
    end
    local failure = words.failure(connection.last_failure, connection.last_answer)
    if failure then
        table.insert(lines, T(_("Last error: %1"), failure))
    end
    return table.concat(lines, "\n")
end

function pending.show(plugin)
    local counts = plugin.service.outbox:counts()
    local box
    local others
    if counts.refused + counts.dropped > 0 then
        others = {
            {
                {
                    text = counts.refused > 0 and _("Forget what was refused") or _("Forget what was dropped"),
                    callback = guard(function()
                        plugin.service.outbox:forget_refused()
                        UIManager:close(box)
                    end),
                },
            },
        }
    end
    box = ConfirmBox:new({
        text = details_text(plugin),
        ok_text = _("Send now"),
        cancel_text = _("Close"),
        other_buttons = others,
        ok_callback = guard(function()
            actions.sync_now(plugin)
        end),
    })
    UIManager:show(box)
end

return pending
