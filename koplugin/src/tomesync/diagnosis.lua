--- Test connection: proves the address, the key and that it is Tome that answers, and says which of them is wrong.

local T = require("ffi/util").template

local _ = require("tomesync/gettext")
local N_ = _.ngettext
local asking = require("tomesync/asking")
local baked = require("tomesync/baked")
local flow = require("tomesync/flow")
local words = require("tomesync/words")

local diagnosis = {}

-- A clock that is off by more than this makes days and streaks wrong, though the server corrects what it can.
local CLOCK_SECONDS = 120
local MINUTE, HOUR, DAY = 60, 3600, 24 * 3600

local function rounded(seconds, unit)
    return math.floor(seconds / unit + 0.5)
end

local function distance_text(seconds)
    if seconds < 2 * HOUR then
        local minutes = rounded(seconds, MINUTE)
        return T(N_("1 minute", "%1 minutes", minutes), minutes)
    elseif seconds < 2 * DAY then
        local hours = rounded(seconds, HOUR)
        return T(N_("1 hour", "%1 hours", hours), hours)
    end
    local days = rounded(seconds, DAY)
    return T(N_("1 day", "%1 days", days), days)
end

--- `offset`: how many seconds the server's clock is ahead. nil if this device's is right enough.
local function clock_text(offset)
    if math.abs(offset) <= CLOCK_SECONDS then
        return nil
    end
    local text = offset > 0 and _("This device's clock is %1 slow. What is read counts at the server's time.")
        or _("This device's clock is %1 fast. What is read counts at the server's time.")
    return T(text, distance_text(math.abs(offset)))
end

local function text_or(value, otherwise)
    return type(value) == "string" and value or otherwise
end

local function success_text(plugin, answer)
    local service = plugin.service
    local lines = {
        T(_("Connected to %1."), service:server_url()),
        T(_("User: %1"), text_or(answer.username, baked.username)),
        T(_("Tome %1"), text_or(answer.server_version, "?")),
    }
    table.insert(lines, clock_text(service.connection.clock_offset or 0))
    return table.concat(lines, "\n")
end

local function failure_text(plugin, word, answer)
    local text = words.failure(word, answer) or _("The server cannot be reached.")
    local lines = { T(_("No connection to %1."), plugin.service:server_url()), text }
    if answer and answer.message then
        table.insert(lines, T(_("(%1)"), tostring(answer.message)))
    end
    return table.concat(lines, "\n")
end

function diagnosis.test_connection(plugin)
    asking.with_message(_("Testing the connection…"), function(done)
        local service = plugin.service
        service.connection:try_again()
        local word, answer
        flow.start(function()
            word, answer = service.sync:identify(true)
        end, function()
            done()
            if not word then
                asking.say_failed()
                return
            end
            local text = word == "ok" and success_text(plugin, answer) or failure_text(plugin, word, answer)
            asking.say(text)
            service:save()
            if word == "ok" then
                -- What waited for a server that answers need not wait any longer.
                plugin:catch_up()
            end
        end)
    end)
end

return diagnosis
