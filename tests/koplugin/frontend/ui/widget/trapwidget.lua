local UIManager = require("ui/uimanager")
local Window = require("window")

--- Catches the reader's next tap, whether it shows a text or not.
local TrapWidget = Window:extend { kind = "TrapWidget" }

function TrapWidget:init()
    self.invisible = self.text == nil
end

function TrapWidget:tap_outside()
    if self.dismiss_callback then
        self.dismiss_callback()
        self.dismiss_callback = nil
    end
    UIManager:close(self)
end

return TrapWidget
