local UIManager = require("ui/uimanager")
local Window = require("window")

local ButtonDialog = Window:extend { kind = "ButtonDialog", dismissable = true }

function ButtonDialog:onClose()
    if self.tap_close_callback then
        self.tap_close_callback()
    end
    UIManager:close(self)
    return true
end

function ButtonDialog:tap_outside()
    assert(self.dismissable, "this dialog wants an answer")
    self:onClose()
end

return ButtonDialog
