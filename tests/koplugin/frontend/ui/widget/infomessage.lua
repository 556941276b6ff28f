local UIManager = require("ui/uimanager")
local Window = require("window")

local InfoMessage = Window:extend { kind = "InfoMessage", text = "" }

function InfoMessage:onShow()
    if self.timeout then
        self._timeout_func = function()
            self._timeout_func = nil
            UIManager:close(self)
        end
        UIManager:scheduleIn(self.timeout, self._timeout_func)
    end
    return true
end

--- However it is closed, its callback is called.
function InfoMessage:onCloseWidget()
    if self._timeout_func then
        UIManager:unschedule(self._timeout_func)
        self._timeout_func = nil
    end
    if self.dismiss_callback then
        self.dismiss_callback()
        if not self.is_infomessage then
            self.dismiss_callback = nil
        end
    end
end

function InfoMessage:onTapClose()
    UIManager:close(self)
    return true
end

function InfoMessage:tap_outside()
    assert(self.dismissable ~= false, "this message cannot be dismissed")
    self:onTapClose()
end

return InfoMessage
