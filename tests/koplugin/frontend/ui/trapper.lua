local ConfirmBox = require("ui/widget/confirmbox")
local InfoMessage = require("ui/widget/infomessage")
local UIManager = require("ui/uimanager")
local logger = require("logger")

local Trapper = {}

--- Errors inside are logged and no more.
function Trapper:wrap(body)
    return coroutine.resume(coroutine.create(function()
        UIManager:preventStandby()
        local did_run, message = xpcall(body, debug.traceback)
        UIManager:allowStandby()
        if not did_run then
            logger.warn("error in wrapped function:", message)
        end
        return did_run
    end))
end

function Trapper:isWrapped()
    return coroutine.running() ~= nil
end

function Trapper:clear()
    if self:isWrapped() and self.current_widget then
        UIManager:close(self.current_widget)
        self.current_widget = nil
    end
end

function Trapper:reset()
    self:clear()
    return true
end

function Trapper:setPausedText(text)
    self.paused_text = text
end

--- Answers false once the reader has tapped the former message away and then said to abort.
function Trapper:info(text, _fast_refresh, skips_check)
    local thread = coroutine.running()
    if not thread then
        return true
    end
    if self.current_widget and self.current_widget.is_infomessage and not skips_check then
        local go_on = function()
            coroutine.resume(thread, true)
        end
        UIManager:scheduleIn(0.1, go_on)
        if not coroutine.yield() then
            UIManager:unschedule(go_on)
            if not self:confirm(self.paused_text or "Paused", "Continue", "Abort") then
                return self:_show(text, thread)
            end
            self:clear()
            return false
        end
    end
    return self:_show(text, thread)
end

function Trapper:_show(text, thread)
    if text then
        if self.current_widget then
            self.current_widget.dismiss_callback = nil
            UIManager:close(self.current_widget)
        end
        self.current_widget = InfoMessage:new {
            text = text,
            is_infomessage = true,
            dismiss_callback = function()
                coroutine.resume(thread, false)
            end,
        }
        UIManager:show(self.current_widget)
    end
    return true
end

function Trapper:confirm(text, cancel_text, ok_text)
    local thread = coroutine.running()
    if not thread then
        return true
    end
    if self.current_widget then
        self.current_widget.dismiss_callback = nil
        UIManager:close(self.current_widget)
    end
    self.current_widget = ConfirmBox:new {
        text = text,
        ok_text = ok_text,
        cancel_text = cancel_text,
        cancel_callback = function()
            coroutine.resume(thread, false)
        end,
        ok_callback = function()
            coroutine.resume(thread, true)
        end,
    }
    UIManager:show(self.current_widget)
    return coroutine.yield()
end

return Trapper
