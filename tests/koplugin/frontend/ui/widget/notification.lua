local UIManager = require("ui/uimanager")
local Window = require("window")

local Notification = Window:extend { kind = "Notification", text = "", timeout = 2, toast = true }

function Notification:notify(text)
    UIManager:show(self:new { text = text })
    return true
end

function Notification:onShow()
    self._timeout_func = function()
        UIManager:close(self)
    end
    UIManager:scheduleIn(self.timeout, self._timeout_func)
end

function Notification:onCloseWidget()
    UIManager:unschedule(self._timeout_func)
end

return Notification
