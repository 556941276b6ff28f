--- Asks the server for something to show, because the reader wants to see it. This may bring up Wi-Fi.

local InfoMessage = require("ui/widget/infomessage")
local NetworkMgr = require("ui/network/manager")
local UIManager = require("ui/uimanager")

local _ = require("tomesync/gettext")
local flow = require("tomesync/flow")
local guard = require("tomesync/guard")
local words = require("tomesync/words")

local asking = {}

function asking.say(text)
    UIManager:show(InfoMessage:new({ text = text }))
end

--- What an answer of "ok" that is not of the expected kind is to be called.
function asking.say_stranger()
    asking.say(words.failure("stranger", { status = 200 }))
end

--- GET `path` with a message on the screen, which ends it when it is tapped away. `show(answer)` gets what came.
--
-- `options`: arguments, and `unknown`, the sentence for the server's own 404.
function asking.get(service, text, path, options, show)
    NetworkMgr:runWhenConnected(guard(function()
        local running, word, answer
        local message = InfoMessage:new({
            text = text,
            -- KOReader calls it however the message goes; to what has ended it does nothing.
            dismiss_callback = guard(function()
                if running then
                    running:cancel()
                end
            end),
        })
        UIManager:show(message)
        running = flow.start(function()
            word, answer = service.connection:ask("GET", path, { arguments = options.arguments, is_asked = true })
        end, function(was_cancelled)
            UIManager:close(message)
            if was_cancelled then
                return
            elseif word == "ok" then
                show(answer)
            elseif word == "unknown" and options.unknown then
                asking.say(options.unknown)
            else
                asking.say(words.failure(word, answer) or _("The server could not be asked."))
            end
        end)
    end))
end

return asking
