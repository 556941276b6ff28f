--- Test connection: proves the address, the key and that it is Tome that answers, and says which of them is wrong.

local InfoMessage = require("ui/widget/infomessage")
local T = require("ffi/util").template
local UIManager = require("ui/uimanager")

local _ = require("tomesync/gettext")
local actions = require("tomesync/actions")
local baked = require("tomesync/baked")
local flow = require("tomesync/flow")
local words = require("tomesync/words")

local diagnosis = {}

-- A clock that is off by more than this makes days and streaks wrong, though the server corrects what it can.
local CLOCK_SECONDS = 120

local function success_text(plugin, answer)
    local service = plugin.service
    local lines = {
        T(_("Connected to %1."), service:server_url()),
        T(_("User: %1"), answer.username or baked.username),
        T(_("Tome %1"), answer.server_version or "?"),
    }
    local offset = service.sync.clock_offset or 0
    if math.abs(offset) > CLOCK_SECONDS then
        local minutes = math.floor(math.abs(offset) / 60 + 0.5)
        table.insert(
            lines,
            T(_("This device's clock is %1 minutes off; what is read is counted at the server's time."), minutes)
        )
    end
    return table.concat(lines, "\n")
end

local function failure_text(plugin, word, answer)
    local text = words.failure(word, answer) or _("The server cannot be reached.")
    local lines = { T(_("No connection to %1."), plugin.service:server_url()), text }
    if answer.message then
        table.insert(lines, T(_("(%1)"), answer.message))
    end
    return table.concat(lines, "\n")
end

function diagnosis.test_connection(plugin)
    actions.with_message(_("Testing the connection…"), function(done)
        local service = plugin.service
        service.connection.breaker:reset()
        flow.start(function()
            local word, answer = service.sync:identify(true)
            done()
            local text = word == "ok" and success_text(plugin, answer) or failure_text(plugin, word, answer)
            UIManager:show(InfoMessage:new({ text = text }))
            service:save()
            if word == "ok" then
                -- What waited for a server that answers need not wait any longer.
                service:catch_up({})
            end
        end)
    end)
end

return diagnosis
