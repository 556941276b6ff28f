--- Asks the server for something to show, because the reader wants to see it. This may bring up Wi-Fi.

local InfoMessage = require("ui/widget/infomessage")
local NetworkMgr = require("ui/network/manager")
local UIManager = require("ui/uimanager")
local logger = require("logger")

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

--- What there is to say of an error of ours.
function asking.say_failed()
    asking.say(_("This did not work. What went wrong is in KOReader's crash.log."))
end

--- Run `work(done)` while a message says that it is going on, once there is a network. `done` takes the message away.
---
--- The reader can tap it away too: then `on_dismiss` is called, where there is one; otherwise the work goes on unseen.
function asking.with_message(text, work, on_dismiss)
    NetworkMgr:runWhenConnected(guard(function()
        local is_shown = true
        local message = InfoMessage:new({
            text = text,
            -- KOReader calls it however the message goes.
            dismiss_callback = guard(function()
                is_shown = false
                if on_dismiss then
                    on_dismiss()
                end
            end),
        })
        UIManager:show(message)
        UIManager:forceRePaint()
        local function done()
            if is_shown then
                UIManager:close(message)
            end
        end
        local did_run, problem = pcall(work, done)
        if not did_run then
            logger.warn("tomesync:", problem)
            done()
            asking.say_failed()
        end
    end))
end

--- GET `path` with a message on the screen, which ends it when it is tapped away. `show(answer)` gets what came.
--
-- `options`: arguments, and `unknown`, the sentence for the server's own 404.
function asking.get(service, text, path, options, show)
    local running
    asking.with_message(text, function(done)
        local word, answer
        running = flow.start(function()
            word, answer = service.connection:ask("GET", path, { arguments = options.arguments, is_asked = true })
        end, function(was_cancelled)
            done()
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
    end, function()
        -- Also when the message goes because it is over; then there is nothing to end.
        if running then
            running:cancel()
        end
    end)
end

return asking
